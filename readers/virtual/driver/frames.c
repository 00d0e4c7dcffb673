#define _GNU_SOURCE
#include "frames.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool ready(int fd, short direction, int64_t deadline)
{
    struct pollfd waiting = {.fd = fd, .events = direction};
    for (;;) {
        int64_t left = deadline - milliseconds();
        int polled = poll(&waiting, 1, left > 0 ? (int)left : 0);
        if (polled >= 0 || errno != EINTR) {
            return polled > 0;
        }
    }
}

/* All of it before the deadline, or false; a peer that trickles bytes gains no time. */
static bool move_bytes(int fd, UCHAR *bytes, size_t length, short direction, int64_t deadline)
{
    for (size_t done = 0; done < length;) {
        if (!ready(fd, direction, deadline)) {
            return false;
        }
        ssize_t moved = direction == POLLIN
            ? recv(fd, bytes + done, length - done, MSG_DONTWAIT)
            : send(fd, bytes + done, length - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (moved > 0) {
            done += (size_t)moved;
        } else if (moved == 0 || (errno != EAGAIN && errno != EINTR)) {
            return false;
        }
    }
    return true;
}

static RESPONSECODE break_off(int fd)
{
    shutdown(fd, SHUT_RDWR);
    return IFD_COMMUNICATION_ERROR;
}

RESPONSECODE send_frame(int fd, const UCHAR *bytes, size_t length, int timeout_ms)
{
    static _Thread_local UCHAR frame[2 + FRAME_MAX];
    if (length == 0 || length > FRAME_MAX) {
        return IFD_COMMUNICATION_ERROR;
    }
    frame[0] = (UCHAR)(length >> 8);
    frame[1] = (UCHAR)length;
    memcpy(frame + 2, bytes, length);
    bool sent = move_bytes(fd, frame, length + 2, POLLOUT, milliseconds() + timeout_ms);
    return sent ? IFD_SUCCESS : break_off(fd);
}

RESPONSECODE receive_frame(int fd, UCHAR *bytes, size_t *length, int timeout_ms)
{
    UCHAR head[2];
    int64_t deadline = milliseconds() + timeout_ms;
    if (!ready(fd, POLLIN, deadline)) {
        return IFD_RESPONSE_TIMEOUT;
    }
    if (!move_bytes(fd, head, 2, POLLIN, deadline)) {
        return break_off(fd);
    }
    *length = (size_t)head[0] << 8 | head[1];
    return move_bytes(fd, bytes, *length, POLLIN, deadline) ? IFD_SUCCESS : break_off(fd);
}
