/* mbedTLS asks the targets of the standard input: each in a process of its own, four abreast. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>

enum { ABREAST = 4, FIELDS = 7, TEXT = 2000 };

/* One write, so that the lines of several processes do not mix. */
static void tell(const char *index, const char *verdict, const char *code, const char *text)
{
    char line[TEXT + 200];
    int size = snprintf(line, sizeof line, "%s\t%s\t%s\t%.*s", index, verdict, code, TEXT, text);
    for (int i = 0, tabs = 0; i < size; i++) {
        if (line[i] == '\n' || (line[i] == '\t' && ++tabs > 3))
            line[i] = ' ';
    }
    line[size++] = '\n';
    if (write(STDOUT_FILENO, line, size) != size)
        exit(1);
}

static void fail(const char *index, const char *verdict, int error, const mbedtls_ssl_context *ssl)
{
    char code[40], text[300];
    mbedtls_strerror(error, text, sizeof text);
    if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && ssl != NULL)
        snprintf(code, sizeof code, "alert %d", ssl->in_msg[1]);
    else
        snprintf(code, sizeof code, "-0x%04x", (unsigned) -error);
    tell(index, error == MBEDTLS_ERR_SSL_TIMEOUT ? "silent" : verdict, code, text);
}

/* The mail server's answer, or the error that came instead. */
static int talk(mbedtls_ssl_context *ssl, int *answered)
{
    const unsigned char said[] = "a LOGOUT\r\n";
    char heard[4096] = "";
    size_t size = 0;
    int got = mbedtls_ssl_write(ssl, said, sizeof said - 1);
    while (got > 0 && size < sizeof heard - 1) {
        got = mbedtls_ssl_read(ssl, (unsigned char *) heard + size, sizeof heard - 1 - size);
        if (got > 0)
            heard[size += got] = '\0';
    }
    *answered = strstr(heard, "a OK") != NULL;
    return *answered || got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : got;
}

static void judge(const char *index, mbedtls_ssl_context *ssl)
{
    int answered = 0, error = mbedtls_ssl_handshake(ssl);
    uint32_t flags = mbedtls_ssl_get_verify_result(ssl);
    char code[40] = "", text[TEXT] = "";
    if (error == 0)
        error = talk(ssl, &answered);
    if (flags != 0 && flags != (uint32_t) -1) {
        snprintf(code, sizeof code, "flags %x", (unsigned) flags);
        mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
        tell(index, "reject", code, text);
    } else if (error != 0) {
        fail(index, "reject", error, ssl);
    } else {
        tell(index, answered ? "accept" : "reject", "", "");
    }
}

static void ask(char **part)
{
    static const char seed[] = "proof";
    mbedtls_net_context net;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt roots;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    int error;

    mbedtls_net_init(&net);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&roots);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    error = mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy,
                                  (const unsigned char *) seed, sizeof seed);
    if (error == 0 && mbedtls_x509_crt_parse_file(&roots, part[4]) != 0) {
        tell(part[0], "error", "", "it cannot read all of the roots");
        return;
    }
    if (error == 0)
        error = mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                            MBEDTLS_SSL_TRANSPORT_STREAM,
                                            MBEDTLS_SSL_PRESET_DEFAULT);
    if (error == 0)
        error = mbedtls_net_connect(&net, part[1], part[2], MBEDTLS_NET_PROTO_TCP);
    if (error != 0) {
        fail(part[0], "error", error, NULL);
        return;
    }
    /* It goes on after a certificate that it refuses, and so collects every flag. */
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    mbedtls_ssl_conf_ca_chain(&config, &roots, NULL);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_read_timeout(&config, (uint32_t) (1000 * atof(part[6])));
    if ((error = mbedtls_ssl_setup(&ssl, &config)) != 0 ||
        (error = mbedtls_ssl_set_hostname(&ssl, part[3])) != 0) {
        fail(part[0], "error", error, NULL);
        return;
    }
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, NULL, mbedtls_net_recv_timeout);
    judge(part[0], &ssl);
}

int main(int count, char **arguments)
{
    char *line = NULL;
    size_t room = 0;
    int running = 0;
    if (count > 1 && strcmp(arguments[1], "--version") == 0) {
        puts(MBEDTLS_VERSION_STRING);
        return 0;
    }
    while (getline(&line, &room, stdin) > 0) {
        char *part[FIELDS] = {0}, *rest = line;
        for (int i = 0; i < FIELDS && rest != NULL; i++)
            part[i] = strsep(&rest, "\t\n");
        if (running == ABREAST && wait(NULL) > 0)
            running--;
        if (fork() == 0) {
            if (part[FIELDS - 1] != NULL)
                ask(part);
            _exit(0);
        }
        running++;
    }
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    return 0;
}
