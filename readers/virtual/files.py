"""Commands of files, and the transaction that makes what was written to them count."""

from typing import Final

from readers.card.codes import FREE_ACCESS, CommMode, Ins, Status
from readers.virtual.filesystem import MAX_FILE_NO, MEMORY_BYTES, Application, File, Refusal, Rights
from readers.virtual.messaging import Expected
from readers.virtual.state import Answer, Command, Commands, Handler, State, parameters

RANGE_BYTES: Final = 7
SETTINGS_BYTES: Final = 7


def _get_file_ids(state: State, _header: bytes, _data: bytes) -> Answer:
    state.require_application()
    state.app.require(Rights.FREE_LISTING, state.key_no)
    return Answer(bytes(state.app.files))


def _get_file_settings(state: State, header: bytes, _data: bytes) -> Answer:
    state.require_application()
    state.app.require(Rights.FREE_LISTING, state.key_no)
    file = state.app.file(header[0])
    rest = file.access.to_bytes(2, "little") + len(file.data).to_bytes(3, "little")
    return Answer(bytes([file.backup, file.mode]) + rest)


def _create_file(*, backup: bool) -> Handler:
    def create(state: State, header: bytes, _data: bytes) -> Answer:
        state.require_application()
        state.app.require(Rights.FREE_CREATE_DELETE, state.key_no)
        file_no, mode = header[0], header[1]
        access, size = (int.from_bytes(part, "little") for part in (header[2:4], header[4:]))
        if file_no in state.app.files:
            raise Refusal(Status.DUPLICATE)
        if file_no > MAX_FILE_NO or mode not in list(CommMode) or not 0 < size <= MEMORY_BYTES:
            raise Refusal(Status.PARAMETER_ERROR)
        file = File(backup, mode, access, bytes(size))
        _require_keys_exist(state.app, file.access)
        state.memory.require_room(file.bytes_taken)
        state.app.files[file_no] = file
        return Answer()

    return create


def _delete_file(state: State, header: bytes, _data: bytes) -> Answer:
    state.require_application()
    state.app.require(Rights.FREE_CREATE_DELETE, state.key_no)
    state.app.file(header[0])
    del state.app.files[header[0]]
    return Answer()


def _expect_read(state: State, payload: bytes) -> Expected:
    mode = _mode(state, payload, write=False)
    return Expected(RANGE_BYTES, CommMode.PLAIN if mode is CommMode.PLAIN else CommMode.MACED)


def _read_data(state: State, header: bytes, _data: bytes) -> Answer:
    file = state.app.file(header[0])
    offset, length = _range(header)
    end = offset + length if length else len(file.data)
    if offset > end or end > len(file.data):
        raise Refusal(Status.BOUNDARY_ERROR)
    return Answer(file.data[offset:end], _mode(state, header, write=False))


def _read_data_whole(state: State, header: bytes, data: bytes) -> Answer:
    answer = _read_data(state, header, data)
    return answer._replace(cuts=())


def _expect_write(state: State, payload: bytes) -> Expected:
    mode = _mode(state, payload, write=True)
    _offset, length = _range(payload)
    if not 0 < length <= MEMORY_BYTES:
        raise Refusal(Status.BOUNDARY_ERROR)
    return Expected(RANGE_BYTES, mode, length)


def _write_data(state: State, header: bytes, data: bytes) -> Answer:
    file_no = header[0]
    file = state.app.file(file_no)
    offset, length = _range(header)
    end = offset + length
    if end > len(file.data):
        raise Refusal(Status.BOUNDARY_ERROR)
    before = state.uncommitted.get(file_no, file.data) if file.backup else file.data
    after = before[:offset] + data + before[end:]
    if file.backup:
        state.uncommitted[file_no] = after
    else:
        file.data = after
    mode = _mode(state, header, write=True)
    return Answer(mode=CommMode.PLAIN if mode is CommMode.PLAIN else CommMode.MACED)


def _commit_transaction(state: State, _header: bytes, _data: bytes) -> Answer:
    if not state.uncommitted:
        raise Refusal(Status.NO_CHANGES)
    for file_no, content in state.uncommitted.items():
        state.app.file(file_no).data = content
    state.uncommitted = {}
    return Answer()


def _abort_transaction(state: State, _header: bytes, _data: bytes) -> Answer:
    if not state.uncommitted:
        raise Refusal(Status.NO_CHANGES)
    state.uncommitted = {}
    return Answer()


def _mode(state: State, payload: bytes, *, write: bool) -> CommMode:
    state.require_application()
    if len(payload) < RANGE_BYTES:
        raise Refusal(Status.LENGTH_ERROR)
    return state.app.file(payload[0]).mode_for(state.key_no, write=write)


def _range(payload: bytes) -> tuple[int, int]:
    return int.from_bytes(payload[1:4], "little"), int.from_bytes(payload[4:7], "little")


def _require_keys_exist(app: Application, access: int) -> None:
    for right in (access >> shift & 0xF for shift in (12, 8, 4, 0)):
        if right < FREE_ACCESS:
            app.key(right)


FILE_COMMANDS: Final[Commands] = {
    Ins.GET_FILE_IDS: Command(parameters(0), _get_file_ids),
    Ins.GET_FILE_SETTINGS: Command(parameters(1), _get_file_settings),
    Ins.CREATE_STANDARD_FILE: Command(parameters(SETTINGS_BYTES), _create_file(backup=False)),
    Ins.CREATE_BACKUP_FILE: Command(parameters(SETTINGS_BYTES), _create_file(backup=True)),
    Ins.DELETE_FILE: Command(parameters(1), _delete_file),
    Ins.READ_DATA: Command(_expect_read, _read_data),
    Ins.READ_DATA_ISO: Command(_expect_read, _read_data_whole),
    Ins.WRITE_DATA: Command(_expect_write, _write_data),
    Ins.WRITE_DATA_ISO: Command(_expect_write, _write_data),
    Ins.COMMIT_TRANSACTION: Command(parameters(0), _commit_transaction),
    Ins.ABORT_TRANSACTION: Command(parameters(0), _abort_transaction),
}
