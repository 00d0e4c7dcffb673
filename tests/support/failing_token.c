/* A PKCS#11 module that is SoftHSM, except that what the environment variable KENT_TOKEN_FAILS
 * names answers as tokens do that are locked or full, which SoftHSM never is.
 *
 * Source: PKCS #11 v2.40, pkcs11f.h (order of the functions) and pkcs11t.h (return values). */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define LOGIN 18
#define CREATE_OBJECT 20
#define GENERATE_KEY 58
#define GENERATE_KEY_PAIR 59
#define FUNCTIONS 68
#define CKR_DEVICE_MEMORY 0x31UL
#define CKR_PIN_LOCKED 0xA4UL

typedef unsigned long (*any)(void *, void *, void *, void *, void *, void *, void *, void *);
struct list { unsigned char version[2]; any function[FUNCTIONS]; };

static struct list ours;
static struct list *theirs;

static int fails(const char *what)
{
    const char *asked = getenv("KENT_TOKEN_FAILS");
    return asked != NULL && strcmp(asked, what) == 0;
}

#define PASS_ON(name, index, what, answer)                                                        \
    static unsigned long name(void *a, void *b, void *c, void *d, void *e, void *f, void *g,      \
                              void *h)                                                            \
    {                                                                                             \
        return fails(what) ? answer : theirs->function[index](a, b, c, d, e, f, g, h);            \
    }

PASS_ON(login, LOGIN, "locked", CKR_PIN_LOCKED)
PASS_ON(create_object, CREATE_OBJECT, "full", CKR_DEVICE_MEMORY)
PASS_ON(generate_key, GENERATE_KEY, "full", CKR_DEVICE_MEMORY)
PASS_ON(generate_key_pair, GENERATE_KEY_PAIR, "full", CKR_DEVICE_MEMORY)

unsigned long C_GetFunctionList(struct list **given)
{
    void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
    unsigned long (*get)(struct list **) =
        module == NULL ? NULL : (unsigned long (*)(struct list **))dlsym(module, "C_GetFunctionList");
    unsigned long answer = get == NULL ? 0x5UL : get(&theirs);
    if (answer == 0) {
        ours = *theirs;
        ours.function[LOGIN] = login;
        ours.function[CREATE_OBJECT] = create_object;
        ours.function[GENERATE_KEY] = generate_key;
        ours.function[GENERATE_KEY_PAIR] = generate_key_pair;
        *given = &ours;
    }
    return answer;
}
