"""SIP2 for the machines of libraries: messages, answers, conversations and the server."""
