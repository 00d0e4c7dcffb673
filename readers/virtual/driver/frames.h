/* Frames over a socket: a two-byte length, high byte first, and that many bytes. */
#ifndef KENT_FRAMES_H
#define KENT_FRAMES_H

#include <ifdhandler.h>
#include <stddef.h>

#define FRAME_MAX 65535

/*
 * Both give up after timeout_ms. A frame broken off half-way cannot be resumed: the connection is
 * then shut down, which takes the card out (IFD_COMMUNICATION_ERROR).
 */
RESPONSECODE send_frame(int fd, const UCHAR *bytes, size_t length, int timeout_ms);

/* IFD_RESPONSE_TIMEOUT: no frame began, the connection is whole. bytes has room for FRAME_MAX. */
RESPONSECODE receive_frame(int fd, UCHAR *bytes, size_t *length, int timeout_ms);

#endif
