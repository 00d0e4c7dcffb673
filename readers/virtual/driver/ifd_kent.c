/*
 * A reader without hardware: an IFD handler (version 3) for pcscd whose slots are Unix sockets.
 *
 * The driver listens on one socket per reader. A program that connects is a card laid on the
 * reader; when it closes the connection the card was taken away. A frame (frames.h) of one byte is a
 * control to the card: 0 power off, 1 power on, 2 reset (none of them is answered), 4 "your ATR?"
 * (answered). Everything else is a command APDU and is answered by a response APDU. vsmartcard's
 * vpcd does the same, so that one virtual card serves both; unlike vpcd the driver opens no network
 * port, reports a card within a millisecond, gives up on a hung card and runs 16 readers from one
 * library.
 *
 * Removing a socket's file pulls the reader's cable: it is gone until pcscd is started anew.
 *
 * Threads of pcscd that meet in a slot: those of clients (transmit, power), and one per reader that
 * alternates between wait_for_event and IFDHICCPresence. Only wait_for_event accepts and ends
 * connections, and it returns after each, so pcscd sees every absence: a quick swap never looks
 * like one card that stayed. It never reads from the card, only looks for a hang-up.
 *
 * Source: PCSC IFD handler interface 3.0, ifdhandler.h of pcsc-lite (libpcsclite-dev).
 */
#define _GNU_SOURCE /* POLLRDHUP, accept4 */
#include <errno.h>
#include <ifdhandler.h>
#include <poll.h>
#include <pthread.h>
#include <reader.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "frames.h"

#define UNUSED __attribute__((unused)) /* the interface has the parameter, we have no use for it */
#define READERS 16 /* PCSCLITE_MAX_READERS_CONTEXTS: pcscd itself runs no more */
#define ANSWER_TIMEOUT_MS 5000

enum control { POWER_OFF = 0, POWER_ON = 1, RESET = 2, TELL_ATR = 4 };

struct slot {
    int listener;         /* -1: no reader here */
    int wake;             /* eventfd that ends wait_for_event */
    int cable;            /* inotify: has news when the socket's file is removed */
    pthread_mutex_t lock; /* of all below; keeps `card` open while someone talks to it */
    int card;             /* -1: no card */
    unsigned stale;       /* answers still to come for commands we gave up waiting for */
    UCHAR atr[MAX_ATR_SIZE];
    DWORD atr_length;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static struct slot slots[READERS];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int answer_timeout_ms = ANSWER_TIMEOUT_MS;

static void prepare(void)
{
    for (int i = 0; i < READERS; i++) {
        slots[i].listener = slots[i].wake = slots[i].cable = slots[i].card = -1;
        pthread_mutex_init(&slots[i].lock, NULL);
    }
    const char *wanted = getenv("KENT_IFD_TIMEOUT_MS");
    if (wanted != NULL && atoi(wanted) > 0) {
        answer_timeout_ms = atoi(wanted);
    }
}

/* pcscd numbers readers in the high half of Lun; the low half would be a second slot of one reader */
static struct slot *slot_of(DWORD Lun)
{
    pthread_once(&once, prepare);
    DWORD reader = Lun >> 16;
    return reader < READERS && (Lun & 0xFFFF) == 0 ? &slots[reader] : NULL;
}

static bool hung_up(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) == 1;
}

static bool plugged_in(const struct slot *slot)
{
    return slot->listener >= 0 && access(slot->path, F_OK) == 0;
}

static bool has_card(struct slot *slot)
{
    return slot->card >= 0 && !hung_up(slot->card);
}

/* -- opening and closing a reader --------------------------------------------------------------- */

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat found;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (stat(path, &found) == 0 && S_ISSOCK(found.st_mode)) {
        unlink(path); /* left by a pcscd that was killed */
    }
    /* fchmod before bind: the file never exists with a wider mode */
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0
        || listen(fd, 4) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void shut(struct slot *slot)
{
    int *fds[] = {&slot->card, &slot->listener, &slot->wake, &slot->cable};
    pthread_mutex_lock(&slot->lock);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
        }
        *fds[i] = -1;
    }
    pthread_mutex_unlock(&slot->lock);
}

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName)
{
    struct slot *slot = slot_of(Lun);
    /* "/dev/null:PATH": pcscd insists that what stands before the colon is a file that exists */
    const char *path = strchr(DeviceName, ':');
    if (slot == NULL || slot->listener >= 0 || path == NULL || path[1] != '/'
        || strlen(path + 1) >= sizeof slot->path) {
        return IFD_NO_SUCH_DEVICE;
    }
    strcpy(slot->path, path + 1);
    slot->listener = listen_on(slot->path);
    slot->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    slot->cable = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (slot->listener < 0 || slot->wake < 0
        || inotify_add_watch(slot->cable, slot->path, IN_ATTRIB) < 0) {
        fprintf(stderr, "ifd_kent: cannot listen on %s: %s\n", slot->path, strerror(errno));
        shut(slot);
        return IFD_COMMUNICATION_ERROR;
    }
    return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(UNUSED DWORD Lun, UNUSED DWORD Channel)
{
    return IFD_NO_SUCH_DEVICE; /* a number names no socket */
}

RESPONSECODE IFDHCloseChannel(DWORD Lun)
{
    struct slot *slot = slot_of(Lun);
    if (slot == NULL || slot->listener < 0) {
        return IFD_NO_SUCH_DEVICE;
    }
    unlink(slot->path);
    shut(slot);
    return IFD_SUCCESS;
}

/* -- cards coming and going ---------------------------------------------------------------------- */

static void let_go(struct slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    close(slot->card);
    slot->card = -1;
    pthread_mutex_unlock(&slot->lock);
}

/* True when a card came. */
static bool take_card(struct slot *slot)
{
    int arrived = accept4(slot->listener, NULL, NULL, SOCK_CLOEXEC);
    if (arrived < 0) {
        return false;
    }
    if (slot->card >= 0) { /* one card at a time: the second is told by a closed connection */
        close(arrived);
        return false;
    }
    pthread_mutex_lock(&slot->lock);
    slot->stale = 0;
    slot->atr_length = 0;
    slot->card = arrived;
    pthread_mutex_unlock(&slot->lock);
    return true;
}

/* Returns when there may be news; pcscd then asks IFDHICCPresence. */
static RESPONSECODE wait_for_event(DWORD Lun, int timeout)
{
    struct slot *slot = slot_of(Lun);
    uint64_t woken;
    struct inotify_event change;
    if (slot == NULL) {
        return IFD_NO_SUCH_DEVICE;
    }
    for (;;) {
        struct pollfd news[] = {
            {.fd = slot->wake, .events = POLLIN},
            {.fd = slot->card, .events = POLLRDHUP},
            {.fd = slot->listener, .events = POLLIN},
            {.fd = slot->cable, .events = POLLIN},
        };
        if (!plugged_in(slot)) {
            return IFD_NO_SUCH_DEVICE;
        }
        if (poll(news, 4, timeout) <= 0) {
            return IFD_SUCCESS;
        }
        if (news[3].revents && read(slot->cable, &change, sizeof change) > 0) {
            return IFD_SUCCESS;
        }
        if (news[1].revents) {
            let_go(slot);
            return IFD_SUCCESS;
        }
        if (news[0].revents && read(slot->wake, &woken, sizeof woken) > 0) {
            return IFD_SUCCESS;
        }
        if (news[2].revents && take_card(slot)) {
            return IFD_SUCCESS;
        }
    }
}

static RESPONSECODE stop_waiting(DWORD Lun)
{
    struct slot *slot = slot_of(Lun);
    uint64_t one = 1;
    if (slot == NULL || write(slot->wake, &one, sizeof one) != sizeof one) {
        return IFD_COMMUNICATION_ERROR;
    }
    return IFD_SUCCESS;
}

RESPONSECODE IFDHICCPresence(DWORD Lun)
{
    struct slot *slot = slot_of(Lun);
    if (slot == NULL || !plugged_in(slot)) {
        return IFD_NO_SUCH_DEVICE;
    }
    pthread_mutex_lock(&slot->lock);
    bool present = has_card(slot);
    pthread_mutex_unlock(&slot->lock);
    return present ? IFD_ICC_PRESENT : IFD_ICC_NOT_PRESENT;
}

/* -- what pcscd asks of a driver ------------------------------------------------------------------ */

static RESPONSECODE give(const void *value, size_t size, PDWORD Length, PUCHAR Value)
{
    if (*Length < size) {
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    }
    memcpy(Value, value, size);
    *Length = size;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value)
{
    static const UCHAR one = 1, none = 0, readers = READERS;
    RESPONSECODE (*wait)(DWORD, int) = wait_for_event;
    RESPONSECODE (*stop)(DWORD) = stop_waiting;
    struct slot *slot = slot_of(Lun);
    switch (Tag) {
    case TAG_IFD_ATR:
    case SCARD_ATTR_ATR_STRING:
        return slot == NULL ? IFD_NO_SUCH_DEVICE : give(slot->atr, slot->atr_length, Length, Value);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
        return give(&readers, 1, Length, Value);
    case TAG_IFD_THREAD_SAFE: /* readers share nothing but this table of slots */
    case TAG_IFD_SLOTS_NUMBER:
        return give(&one, 1, Length, Value);
    case TAG_IFD_SLOT_THREAD_SAFE:
        return give(&none, 1, Length, Value);
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
        return give(&wait, sizeof wait, Length, Value);
    case TAG_IFD_STOP_POLLING_THREAD:
        return give(&stop, sizeof stop, Length, Value);
    default:
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(UNUSED DWORD Lun, UNUSED DWORD Tag, UNUSED DWORD Length,
                                 UNUSED PUCHAR Value)
{
    return IFD_ERROR_VALUE_READ_ONLY;
}

RESPONSECODE IFDHSetProtocolParameters(UNUSED DWORD Lun, DWORD Protocol, UNUSED UCHAR Flags,
                                       UNUSED UCHAR PTS1, UNUSED UCHAR PTS2, UNUSED UCHAR PTS3)
{
    bool known = Protocol == SCARD_PROTOCOL_T0 || Protocol == SCARD_PROTOCOL_T1;
    return known ? IFD_SUCCESS : IFD_PROTOCOL_NOT_SUPPORTED; /* no wire, nothing to negotiate */
}

/* -- talking to the card --------------------------------------------------------------------------- */

/* Send one frame and take its answer, past late answers to commands that were given up. */
static RESPONSECODE exchange(struct slot *slot, const UCHAR *out, size_t out_length, UCHAR *in,
                             size_t *in_length)
{
    RESPONSECODE result = send_frame(slot->card, out, out_length, answer_timeout_ms);
    slot->stale++;
    while (result == IFD_SUCCESS && slot->stale > 0) {
        result = receive_frame(slot->card, in, in_length, answer_timeout_ms);
        if (result == IFD_SUCCESS) {
            slot->stale--;
        }
    }
    return result;
}

static RESPONSECODE control(struct slot *slot, enum control order)
{
    UCHAR byte = (UCHAR)order;
    return send_frame(slot->card, &byte, 1, answer_timeout_ms);
}

static RESPONSECODE fetch_atr(struct slot *slot)
{
    static const UCHAR ask = TELL_ATR;
    static _Thread_local UCHAR frame[FRAME_MAX];
    size_t length = 0;
    RESPONSECODE result = exchange(slot, &ask, 1, frame, &length);
    if (result != IFD_SUCCESS) {
        return result;
    }
    if (length < 2 || length > sizeof slot->atr) {
        return IFD_COMMUNICATION_ERROR; /* no ATR at all (ISO 7816-3: 2 to 33 bytes) */
    }
    memcpy(slot->atr, frame, length);
    slot->atr_length = length;
    return IFD_SUCCESS;
}

static RESPONSECODE power(struct slot *slot, DWORD action)
{
    if (!has_card(slot)) {
        return IFD_ERROR_POWER_ACTION;
    }
    slot->atr_length = 0;
    switch (action) {
    case IFD_POWER_DOWN:
        return control(slot, POWER_OFF);
    case IFD_POWER_UP:
    case IFD_RESET:
        if (control(slot, action == IFD_RESET ? RESET : POWER_ON) != IFD_SUCCESS
            || fetch_atr(slot) != IFD_SUCCESS) {
            return IFD_ERROR_POWER_ACTION;
        }
        return IFD_SUCCESS;
    default:
        return IFD_NOT_SUPPORTED;
    }
}

/* Atr has room for MAX_ATR_SIZE bytes, as the interface says. */
RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength)
{
    struct slot *slot = slot_of(Lun);
    *AtrLength = 0;
    if (slot == NULL || !plugged_in(slot)) {
        return IFD_NO_SUCH_DEVICE;
    }
    pthread_mutex_lock(&slot->lock);
    RESPONSECODE result = power(slot, Action);
    if (result == IFD_SUCCESS) {
        memcpy(Atr, slot->atr, slot->atr_length);
        *AtrLength = slot->atr_length;
    }
    pthread_mutex_unlock(&slot->lock);
    return result;
}

/* A native card command of one byte that reads as a control (00 01 02 04) cannot be framed. */
static bool reads_as_control(const UCHAR *command, DWORD length)
{
    return length == 1 && (command[0] <= RESET || command[0] == TELL_ATR);
}

static RESPONSECODE transmit(struct slot *slot, const UCHAR *command, DWORD command_length, UCHAR *answer,
                             PDWORD answer_length)
{
    static _Thread_local UCHAR frame[FRAME_MAX];
    DWORD room = *answer_length;
    size_t length = 0;
    *answer_length = 0;
    if (!has_card(slot)) {
        return IFD_ICC_NOT_PRESENT;
    }
    if (reads_as_control(command, command_length)) {
        return IFD_COMMUNICATION_ERROR;
    }
    RESPONSECODE result = exchange(slot, command, command_length, frame, &length);
    if (result != IFD_SUCCESS) {
        return result;
    }
    if (length > room) {
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    }
    memcpy(answer, frame, length);
    *answer_length = length;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR Tx, DWORD TxLength, PUCHAR Rx,
                               PDWORD RxLength, PSCARD_IO_HEADER RecvPci)
{
    struct slot *slot = slot_of(Lun);
    if (slot == NULL || !plugged_in(slot)) {
        *RxLength = 0;
        return IFD_NO_SUCH_DEVICE;
    }
    pthread_mutex_lock(&slot->lock);
    RESPONSECODE result = transmit(slot, Tx, TxLength, Rx, RxLength);
    pthread_mutex_unlock(&slot->lock);
    RecvPci->Protocol = SendPci.Protocol;
    return result;
}

RESPONSECODE IFDHControl(UNUSED DWORD Lun, UNUSED DWORD Code, UNUSED PUCHAR Tx, UNUSED DWORD TxLength,
                         UNUSED PUCHAR Rx, UNUSED DWORD RxLength, LPDWORD Returned)
{
    *Returned = 0;
    return IFD_ERROR_NOT_SUPPORTED; /* no light, no keypad, no vendor commands */
}
