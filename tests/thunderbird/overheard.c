/* Preloaded into Thunderbird: writes down whom it connects to, and the names that it looks up. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void note(const char *what, const char *whom)
{
    FILE *file = fopen(getenv("OVERHEARD"), "a");
    if (file != NULL) {
        fprintf(file, "%s %s\n", what, whom);
        fclose(file);
    }
}

int connect(int descriptor, const struct sockaddr *to, socklen_t size)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    char text[INET6_ADDRSTRLEN] = "";
    if (to->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, text, sizeof text);
    else if (to->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, text, sizeof text);
    if (*text != '\0')
        note("connect", text);
    if (next == NULL)
        next = dlsym(RTLD_NEXT, "connect");
    return next(descriptor, to, size);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (name != NULL)
        note("look-up", name);
    if (next == NULL)
        next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(name, service, hints, found);
}
