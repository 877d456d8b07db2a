#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdio.h>

#include "server.h"

/* What a plugin and who starts it tell each other, before there is a connection. */

/* Whether Terraform started this program, and not a person. */
bool handshake_cookie_is_right(void);
/* What this program is, for a person. */
void handshake_explain(const struct plugin *p, FILE *out);
/* versions: "5,6", in any order; NULL: none offered. */
MUST_USE struct err *handshake_check_protocol(const struct plugin *p, const char *versions);
/* The line that tells Terraform where the socket is; cert is "" where there is no TLS. */
void handshake_line(const struct plugin *p, const char *path, const char *cert, struct buf *ret);
/* What a person is to set for Terraform to find the socket. */
void handshake_by_hand(const struct plugin *p, const char *path, struct buf *ret);

#endif
