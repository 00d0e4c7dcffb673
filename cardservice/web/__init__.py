"""Every page people see, in English from one catalogue, on GOV.UK Frontend.

Addresses (pages work without JavaScript; every POST is a form with a `csrf_token`):

    GET  /                                          what Kent Card is, and where to sign in
    GET  /sign-in            POST /sign-in           a resident's e-mail address (`email`)
    GET  /sign-in/code       POST /sign-in/code      the code that was sent (`code`)
    GET  /sign-in/mobile     POST /sign-in/mobile    the same by a code to a mobile (`mobile`)
    GET  /register           POST /register          `email`; then `/register/code`, `/again`
    GET  /register/{step}    POST the same           name, birth-date, address, mobile, mobile-code
    GET  /register/check     POST /register/check    the answers once more; makes the account
    GET  /activate           POST /activate          `code` and birth date: claim a desk's account
    GET  /account/welcome                            what to do next
    GET  /account/email      POST the same           a new address; also `/account/mobile`, `/code`
    GET  /account                                    the resident's own page
    POST /account/sign-out
    POST /account/sharing/{client}/withdraw          stop sharing with a partner
    GET  /share              POST /share             `answer`: agree or decline what a site asks for
    GET  /sign-out           POST /sign-out          a site asks to sign the resident out
    GET  /signed-out
    GET  /staff/sign-in      POST /staff/sign-in     `username`, `password`
    GET  /staff                                      find a resident
    POST /staff/search                               `query`, `reason`: results; never in an address
    GET  /staff/residents/new, POST the same         register a resident
    GET  /staff/residents/{id}?reason=...            the record; the read is recorded
    GET  /staff/residents/{id}/documents/new, POST   record a document sighted
    POST /staff/residents/{id}/cards/order           `desk`
    POST /staff/residents/{id}/cards/{card}/lost     also `/found`, `/rewrite`, `/cancel`,
                                                     `/replace` (`desk`)
    POST /staff/sign-out

Only in demo mode:

    GET  /tray                                       virtual cards and readers
    POST /tray/cards                                 a new blank card (`label`)
    POST /tray/readers/{i}/lay                       `card-{i}`, `tear-{i}`; also `/lift`
    GET  /outbox                                     messages to residents
"""
