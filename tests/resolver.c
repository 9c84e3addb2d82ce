/* Preloaded into a process: writes each name that is asked for, and each address outside of this machine that is
   connected to, to the file LOOKUPS names; both fail as without a network. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell(const char *what, const char *name)
{
    char line[512], *path = getenv("LOOKUPS");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    int size = snprintf(line, sizeof line, "%s %s %s\n", program_invocation_short_name, what, name ? name : "");
    if (file >= 0) {
        if (write(file, line, (size_t)size) < 0) _exit(1);
        close(file);
    }
}

/* Whether a name needs no network: it is an address, or this machine's own, which git asks for. */
static int here(const char *name)
{
    struct in6_addr address;
    char own[256] = "";
    gethostname(own, sizeof own - 1);
    return !name || !strcmp(name, "localhost") || !strcmp(name, own) || inet_pton(AF_INET, name, &address)
        || inet_pton(AF_INET6, name, &address);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (here(name)) return real(name, service, hints, found);
    tell("getaddrinfo", name);
    return EAI_NONAME;
}

struct hostent *gethostbyname(const char *name)
{
    tell("gethostbyname", name);
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

int gethostbyname_r(const char *name, struct hostent *into, char *space, size_t size, struct hostent **found, int *error)
{
    (void)into, (void)space, (void)size;
    tell("gethostbyname_r", name);
    *found = NULL;
    *error = HOST_NOT_FOUND;
    return ENOENT;
}

int connect(int file, const struct sockaddr *address, socklen_t size)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    char name[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, name, sizeof name);
    if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, name, sizeof name);
    if (!*name || !strncmp(name, "127.", 4) || !strcmp(name, "::1")) return real(file, address, size);
    tell("connect", name);
    errno = ENETUNREACH;
    return -1;
}
