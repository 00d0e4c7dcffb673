"""What can go wrong in cardservice.

    CardServiceError
    |- SettingsFaulty            settings have faults; every one is listed
    |- NotReady                  the service cannot start; the text says what to do first
    |- NoSuchRevision            no migration leads to or from that revision
    |- NoSuchAuthority           no authority has that id
    |- ProductsFaulty            a file of products has faults; every one is listed
    |- BadLedger                 a line is no line of a ledger of erased records
    |- NotTheirAct               a member of staff was named whose role does not include it
    |- BackupError
    |  |- BackupDamaged          no backup, or changed or cut short
    |  |- BackupNotOpened        another passphrase or key opens it
    |  |- BackupNotMade          what makes or checks it failed; no file was left
    |  `- RestoreRefused         it does not fit, or would overwrite something
    |- CardError
    |  |- NoSuchCard             no card with that id
    |  |- MoveNotAllowed         the card is not in a state from which that can happen
    |  |- CardInHand             the holder has a live card already
    |  |- NotTheirMove           whoever asks may not do that to the card
    |  |- NoSuchProduct          there is no such card, or it is not made there
    |  |- NoSuchCharge           no charge with that id, or not of that resident
    |  |- ChargeSettled          the charge does not stand as it must for that
    |  |- PaymentsUnavailable    GOV.UK Pay did not answer, or refused; nothing was taken
    |  |- IdentityNotShown       nobody has seen a document that shows who the holder is
    |  |- NoPhoto                there is no photo of that resident
    |  |- NothingAsked           nobody is asked whether the card is to be renewed
    |  |- DeskBusy               another order waits at that desk
    |  |- NotYourDesk            that desk's reader serves somebody else's browser, or nobody's
    |  `- NotADesk               that terminal does not make cards
    |- KeyRotationError
    |  |- NotACardKey            only keys of cards have generations that are rolled and retired
    |  |- NoSuchGeneration       the key store has no such key
    |  |- GenerationInUse        cards are made with it; rotate the key first
    |  |- GenerationNeeded       cards still need it; how many is said
    |  `- GenerationsUsedUp      a card tells generations from 1 to 255
    |- CeremonyError
    |  |- NoCeremony             none is under way, or what is kept of it is not whole
    |  |- CeremonyUnderWay       there is one already
    |  |- NotACustodian          nobody of that name is waited for
    |  |- BadComponent           a component was mistyped, or is the other's
    |  `- WrongCheckValue        component or key is another than was expected
    |- BureauError
    |  |- BadBureauKeys          a file with a bureau's keys that cannot be used
    |  |- NoSuchBureau           no bureau in use has that name or id
    |  |- BureauNameTaken        there is a bureau of that name
    |  |- NoSuchBatch            no batch with that id
    |  |- BatchNotReady          the batch is not in a state in which that can happen
    |  `- NothingToMake          no order waits that a bureau may be sent
    |- CardSessionError
    |  |- SessionBroken          the card, the reader or the terminal is gone
    |  `- BadMessage             the terminal said something that has no place there
    |- LibraryMachineError
    |  |- NoSuchLibraryMachine   no library machine in use has that name
    |  |- LibraryMachineNameTaken another has, or had, that name
    |  `- BadLibraryMachine      a name, place or network that is none
    `- TerminalError
       |- NoSuchTerminal         no terminal with that id
       |- TerminalNameTaken      there is a terminal of that name
       |- BadTerminalRole        unknown service, purpose or authority
       |- NotAFrontDesk          the server has not set this terminal up as a front desk
       |- BadSetUp               a setting that does not exist, or is out of its bounds
       |- VersionNotSpoken       a terminal that is too old or too new for this server
       |- CodeNotAccepted        an enrolment code that is wrong, used or too old
       |- TerminalUnknown        a request by nobody we know, or not signed by them
       |- TerminalRevoked        the terminal was revoked
       `- ServiceNotAllowed      the terminal does not check that service

`code` never changes once published: programs act on it, and it ends a problem's `type`.
"""

from collections.abc import Iterable, Sequence

from readers.contract.reasons import Reason


class CardServiceError(Exception):
    """Anything cardservice refuses to do."""

    code = "cardservice-error"


class SettingsFaulty(CardServiceError):
    """Settings that cannot be used.

    Attributes:
        faults: one sentence for each.
    """

    code = "settings-faulty"

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: Sequence[str] = tuple(faults)
        super().__init__("\n".join(self.faults))


class NotReady(CardServiceError):
    """Something must be done before the service can run; the text says what."""

    code = "not-ready"


class NoSuchRevision(CardServiceError):
    """No migration leads to, or back to, that revision."""

    code = "no-such-revision"


class NoSuchFinding(CardServiceError):
    """No finding about taps has that id."""

    code = "no-such-finding"


class NoSuchAuthority(CardServiceError):
    """No authority has that id; those there are stand in authorities.toml."""

    code = "no-such-authority"


class ProductsFaulty(CardServiceError):
    """A file of products that cannot be used.

    Attributes:
        faults: one sentence for each, with line and column.
    """

    code = "products-faulty"

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: Sequence[str] = tuple(faults)
        super().__init__("\n".join(self.faults))


class BadLedger(CardServiceError):
    """A file of erased records holds a line that is none."""

    code = "bad-ledger"


class NotTheirAct(CardServiceError):
    """A member of staff was named as who acts, and their role does not include it."""

    code = "not-their-act"


class BackupError(CardServiceError):
    """Something about a backup."""

    code = "backup-error"


class BackupDamaged(BackupError):
    """The file is no backup of ours, or was changed or cut short."""

    code = "backup-damaged"


class BackupNotOpened(BackupError):
    """Another passphrase or private key opens the backup."""

    code = "backup-not-opened"


class BackupNotMade(BackupError):
    """A backup could not be made, or was not what it should be; no file was left."""

    code = "backup-not-made"


class RestoreRefused(BackupError):
    """The backup does not fit here, or would overwrite something; nothing was changed."""

    code = "restore-refused"


class CardError(CardServiceError):
    """Something about a card or its order."""

    code = "card-error"


class NoSuchCard(CardError):
    """No card has that id."""

    code = "no-such-card"


class MoveNotAllowed(CardError):
    """The card is not in a state from which that can happen."""

    code = "move-not-allowed"


class CardInHand(CardError):
    """The holder has a live card; report it lost and replace it, or use it."""

    code = "card-in-hand"


class NotTheirMove(CardError):
    """Whoever asks may not do that to the card."""

    code = "not-their-move"


class NoSuchProduct(CardError):
    """There is no such card on that day, or whoever was asked does not make it."""

    code = "no-such-product"


class NoSuchCharge(CardError):
    """No charge has that id, or it is not this resident's."""

    code = "no-such-charge"


class ChargeSettled(CardError):
    """The charge was paid, waived or refunded already, or was never paid."""

    code = "charge-settled"


class PaymentsUnavailable(CardError):
    """GOV.UK Pay did not answer as it should; no money was taken or given back by this."""

    code = "payments-unavailable"


class IdentityNotShown(CardError):
    """Nobody has seen a document that shows who the holder is; record one first."""

    code = "identity-not-shown"


class NothingAsked(CardError):
    """Nobody is asked whether this card is to be renewed."""

    code = "nothing-asked"


class DeskBusy(CardError):
    """Another order waits at the desk; a blank card laid there would become that one."""

    code = "desk-busy"


class NoPhoto(CardError):
    """There is no photo of the resident; take one first."""

    code = "no-photo"


class NotYourDesk(CardError):
    """The desk's reader serves another member of staff; pair it with your own browser first."""

    code = "not-your-desk"


class NotADesk(CardError):
    """The terminal does not make cards, or was revoked."""

    code = "not-a-desk"


class KeyRotationError(CardServiceError):
    """Something about generations of card keys."""

    code = "key-rotation-error"


class NotACardKey(KeyRotationError):
    """The key is on no card, so there is nothing to roll or to retire."""

    code = "not-a-card-key"


class NoSuchGeneration(KeyRotationError):
    """The key store has no key of that generation."""

    code = "no-such-generation"


class GenerationInUse(KeyRotationError):
    """Cards are made with that generation; rotate the key first."""

    code = "generation-in-use"


class GenerationNeeded(KeyRotationError):
    """Cards still need that generation.

    Attributes:
        cards: how many.
    """

    code = "generation-needed"

    def __init__(self, message: str, cards: int) -> None:
        super().__init__(message)
        self.cards = cards


class GenerationsUsedUp(KeyRotationError):
    """A card tells its keys' generations in one byte: there can be 255 of a key."""

    code = "generations-used-up"


class CeremonyError(CardServiceError):
    """Something about making a key of what two custodians bring."""

    code = "ceremony-error"


class NoCeremony(CeremonyError):
    """No ceremony is under way, or what is kept of it is not whole."""

    code = "no-ceremony"


class CeremonyUnderWay(CeremonyError):
    """A ceremony is under way; finish or abandon it first."""

    code = "ceremony-under-way"


class NotACustodian(CeremonyError):
    """The ceremony does not wait for anybody of that name."""

    code = "not-a-custodian"


class BadComponent(CeremonyError):
    """A component was mistyped, is no component, or is the same as the other custodian's."""

    code = "bad-component"


class WrongCheckValue(CeremonyError):
    """The component or the key is not the one whose check value was given."""

    code = "wrong-check-value"


class BureauError(CardServiceError):
    """Something about a card bureau or a batch of cards."""

    code = "bureau-error"


class BadBureauKeys(BureauError):
    """The file holds no public keys of a bureau; the text says what it lacks."""

    code = "bad-bureau-keys"


class NoSuchBureau(BureauError):
    """No bureau in use has that name or id."""

    code = "no-such-bureau"


class BureauNameTaken(BureauError):
    """A bureau's name is how people tell it from others."""

    code = "bureau-name-taken"


class NoSuchBatch(BureauError):
    """No batch of cards has that id."""

    code = "no-such-batch"


class BatchNotReady(BureauError):
    """The batch is not in a state in which that can happen."""

    code = "batch-not-ready"


class NothingToMake(BureauError):
    """No order waits that may be sent to a bureau."""

    code = "nothing-to-make"


class CardSessionError(CardServiceError):
    """Something about the relay of a card session."""

    code = "card-session-error"


class SessionBroken(CardSessionError):
    """The other end cannot go on, or is gone.

    Attributes:
        reason: as the terminal gave it; None when it simply went.
    """

    code = "session-broken"

    def __init__(self, reason: Reason | None) -> None:
        super().__init__(reason.value if reason else "the terminal is gone")
        self.reason = reason


class BadMessage(CardSessionError):
    """The terminal said something that has no place at this point of a card session."""

    code = "bad-message"


class LibraryMachineError(CardServiceError):
    """Something about a machine of a library."""

    code = "library-machine-error"


class NoSuchLibraryMachine(LibraryMachineError):
    """No library machine in use has that name."""

    code = "no-such-library-machine"


class LibraryMachineNameTaken(LibraryMachineError):
    """A name is never given to a second machine: the trail would not say which."""

    code = "library-machine-name-taken"


class BadLibraryMachine(LibraryMachineError):
    """A name, place or network that is none."""

    code = "bad-library-machine"


class TerminalError(CardServiceError):
    """Something about a terminal."""

    code = "terminal-request-error"


class NoSuchTerminal(TerminalError):
    """No terminal has that id."""

    code = "no-such-terminal"


class TerminalNameTaken(TerminalError):
    """A terminal's name is how people tell it from others."""

    code = "terminal-name-taken"


class BadTerminalRole(TerminalError):
    """A service, purpose or authority that does not exist."""

    code = "bad-terminal-role"


class NotAFrontDesk(TerminalError):
    """The server has not set this terminal up as a front desk (`kentcard terminal set`)."""

    code = "not-a-front-desk"


class BadSetUp(TerminalError):
    """A setting of a terminal does not exist, or is out of its bounds."""

    code = "bad-set-up"


class VersionNotSpoken(TerminalError):
    """A terminal and this server have no version of messages in common; it says who is too old."""

    code = "version-not-spoken"


class CodeNotAccepted(TerminalError):
    """Wrong, used or too old: it is not said which."""

    code = "code-not-accepted"


class TerminalUnknown(TerminalError):
    """The request carries no token of a terminal we know."""

    code = "terminal-unknown"


class TerminalRevoked(TerminalError):
    """The terminal was revoked and must be enrolled anew."""

    code = "terminal-revoked"


class ServiceNotAllowed(TerminalError):
    """The terminal was not given that service."""

    code = "service-not-allowed"
