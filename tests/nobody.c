/* Preloaded into a process: no user has an entry in the list of users, as in a container that was started as a number. */
#include <pwd.h>
#include <stddef.h>

struct passwd *getpwuid(uid_t user)
{
    (void)user;
    return NULL;
}

int getpwuid_r(uid_t user, struct passwd *entry, char *space, size_t size, struct passwd **found)
{
    (void)user, (void)entry, (void)space, (void)size;
    *found = NULL;
    return 0;
}
