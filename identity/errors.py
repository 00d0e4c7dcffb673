"""What can go wrong in identity.

    IdentityError
    |- KeyStoreError
    |  |- KeyStoreExists      a store is already at that path
    |  |- KeyStoreMissing     no store at that path
    |  |- KeyStoreDamaged     the file is not a whole key store
    |  |- WeakPassphrase      too short to protect a store
    |  |- WrongPassphrase     the passphrase does not open the store
    |  |- UnknownKey          no such purpose or generation in the store
    |  |- KeyMayNotLeave      a key that only the store may use was asked for
    |  |- WrongKeyUse         a key was used for something other than its purpose
    |  |- KeyTokenMissing     the token's module cannot be loaded, or no token has that label
    |  |- KeyTokenAway        the token was there and does not answer now
    |  |- KeyTokenLocked      too many wrong PINs: the token must be unlocked first
    |  `- KeyTokenFull        the token has no room for another key
    |- SealBroken             sealed data was changed, or belongs to another row or column
    |- PersonErased           the person's key was destroyed, and their record with it
    |- InvalidDetails         a form has faults; each field with its message
    |- BadPostcode            not the form of a UK postcode
    |- BadMobile              no mobile number we can send a text message to
    |- BadCheckpoint          a line is not a whole audit checkpoint
    |- NoSuchAccount          no account with that id
    |- NoSuchStaff            no member of staff with that id or user name
    |- NotYourRecord          a resident asked for somebody else's record
    |- OwnAccess              somebody would change their own role or access
    |- NoWorkAddress          a member of staff has no address to send anything to, or no access
    |- SecondPersonNeeded     somebody would decide what they asked for themselves
    |- RequestDecided         no request with that id waits for a decision
    |- RequestWaits           another request for the account waits already
    |- WrongAccountState      the account is closed or erased, or is not
    |- NotADuplicate          documents speak for both of two accounts
    |- NoErasureWaits         no erasure of the account waits
    |- Busy                   too much is to be done at this moment; nothing was tried
    |- NoSuchClient           no client of the OpenID provider has that id
    `- SignInRequestRefused   a site sent somebody with a request that cannot be answered

`code` never changes once published: programs act on it.
"""

from collections.abc import Mapping


class IdentityError(Exception):
    """Anything identity refuses to do."""

    code = "identity-error"


class KeyStoreError(IdentityError):
    """The key store cannot do what it was asked."""

    code = "key-store-error"


class KeyStoreExists(KeyStoreError):
    """A new store would overwrite the keys of another."""

    code = "key-store-exists"


class KeyStoreMissing(KeyStoreError):
    """There is no key store at the path."""

    code = "key-store-missing"


class KeyStoreDamaged(KeyStoreError):
    """The file is not a key store of ours, or part of it was lost or changed."""

    code = "key-store-damaged"


class WeakPassphrase(KeyStoreError):
    """The passphrase is too short to protect a key store."""

    code = "weak-passphrase"


class WrongPassphrase(KeyStoreError):
    """The passphrase does not open this store."""

    code = "wrong-passphrase"


class UnknownKey(KeyStoreError):
    """The store holds no key of that purpose and generation."""

    code = "unknown-key"


class KeyMayNotLeave(KeyStoreError):
    """The key may be used inside the store only."""

    code = "key-may-not-leave"


class WrongKeyUse(KeyStoreError):
    """A signing key was asked for a MAC, or the other way about."""

    code = "wrong-key-use"


class KeyTokenMissing(KeyStoreError):
    """The module of the token cannot be loaded, or there is no token with that label."""

    code = "key-token-missing"


class KeyTokenAway(KeyStoreError):
    """The token was opened and does not answer now: unplugged, cut off, or without its keys."""

    code = "key-token-away"


class KeyTokenLocked(KeyStoreError):
    """Too many wrong PINs were tried, or it has none: its security officer must set a new one."""

    code = "key-token-locked"


class KeyTokenFull(KeyStoreError):
    """The token has no room for another key; nothing was added."""

    code = "key-token-full"


class SealBroken(IdentityError):
    """Sealed data was changed, or was moved to another row or column."""

    code = "seal-broken"


class PersonErased(IdentityError):
    """The person's own key was destroyed, so nothing of theirs can be opened or added."""

    code = "person-erased"


class InvalidDetails(IdentityError):
    """Every fault of a form at once.

    Attributes:
        faults: field name -> one plain-English sentence for the person filling it in.
    """

    code = "invalid-details"

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in faults.items()))
        self.faults = dict(faults)


class BadPostcode(IdentityError):
    """The text does not have the form of a UK postcode."""

    code = "bad-postcode"


class BadMobile(IdentityError):
    """The text is no mobile number that we can send a text message to."""

    code = "bad-mobile"


class BadCheckpoint(IdentityError):
    """A file of audit checkpoints holds a line that is none."""

    code = "bad-checkpoint"


class NoSuchAccount(IdentityError):
    """No account has that id."""

    code = "no-such-account"


class NoSuchStaff(IdentityError):
    """No member of staff has that user name."""

    code = "no-such-staff"


class NotYourRecord(IdentityError):
    """Only the resident themselves may read a record this way."""

    code = "not-your-record"


class NotADuplicate(IdentityError):
    """Documents were seen for both accounts, so neither is a mere claim that can be set aside."""

    code = "not-a-duplicate"


class NoSuchClient(IdentityError):
    """No client of the OpenID provider has that id."""

    code = "no-such-client"


class SignInRequestRefused(IdentityError):
    """Another site sent somebody here with a request that cannot be answered."""

    code = "sign-in-request-refused"


class OwnAccess(IdentityError):
    """Nobody changes their own role or access: another administrator does."""

    code = "own-access"


class NoWorkAddress(IdentityError):
    """Nothing can be sent to a member of staff: no address of theirs is noted, or they left."""

    code = "no-work-address"


class PartnerRoleStays(IdentityError):
    """Whoever signs in for a partner keeps that role, and nobody else is given it."""

    code = "partner-role-stays"


class SecondPersonNeeded(IdentityError):
    """Whoever asked for a change does not decide it."""

    code = "second-person-needed"


class RequestDecided(IdentityError):
    """No request with that id waits: it was decided, or never was."""

    code = "request-decided"


class RequestWaits(IdentityError):
    """An account has one request at a time, so that no decision is made on what is out of date."""

    code = "request-waits"


class WrongAccountState(IdentityError):
    """What was asked for makes no sense for an account that is closed, or for one that is not."""

    code = "wrong-account-state"


class NoErasureWaits(IdentityError):
    """No erasure of the account waits: it was stopped, refused or done, or never asked for."""

    code = "no-erasure-waits"


class Busy(IdentityError):
    """Too many people are signing in at this moment. Nothing was tried: try again soon.

    Attributes:
        retry_after: seconds.
    """

    code = "busy"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
