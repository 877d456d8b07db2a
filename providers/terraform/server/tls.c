#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { PEM_BYTES = 64 << 10, EARLIER_S = 300, YEARS_30_S = 30 * 365 * 86400, LINE_BYTES = 1 << 16 };

char *tls_reason(void)
{
	const unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return xstrdup(reason ? reason : "no reason given");
}

static struct err *failed(const char *what)
{
	AUTO_STR reason = tls_reason();

	return err_new(ERR_PROTOCOL, "%s: %s", what, reason);
}

static bool add_name(X509 *cert)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost",
					  -1, -1, 0) &&
	       X509_set_issuer_name(cert, name);
}

/* Go looks at the alternative names only; the common name is for people. */
static bool add_alternative_name(X509 *cert)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
	const bool ok = e && X509_add_ext(cert, e, -1);

	X509_EXTENSION_free(e);
	return ok;
}

static bool add_serial(X509 *cert)
{
	uint64_t serial = 0;

	return RAND_bytes((uint8_t *)&serial, sizeof(serial)) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1);
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
	return X509_set_version(cert, X509_VERSION_3) && add_serial(cert) && add_name(cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -EARLIER_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), YEARS_30_S) &&
	       X509_set_pubkey(cert, key) && add_alternative_name(cert) &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

struct err *tls_identity(const char *curve, EVP_PKEY **ret_key, X509 **ret_cert)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	X509 *cert = X509_new();

	if (!key || !cert || !fill(cert, key)) {
		X509_free(cert);
		EVP_PKEY_free(key);
		return failed("making a certificate");
	}
	*ret_key = key;
	*ret_cert = cert;
	return NULL;
}

static int choose_h2(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *in,
		     unsigned in_len, void *arg)
{
	static const uint8_t h2[] = { 2, 'h', '2' };

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i + sizeof(h2) <= in_len; i += 1U + in[i])
		if (memcmp(in + i, h2, sizeof(h2)) == 0) {
			*out = in + i + 1;
			*out_len = 2;
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static struct err *trust(SSL_CTX *ctx, const char *pem)
{
	const size_t len = strnlen(pem, PEM_BYTES);
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *peer = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	const bool ok = peer && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), peer);

	X509_free(peer);
	BIO_free(bio);
	return ok ? NULL : failed("the client's certificate (PLUGIN_CLIENT_CERT)");
}

struct err *tls_server(const char *peer, EVP_PKEY *key, X509 *cert, SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct err *e;

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
	    SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
		SSL_CTX_free(ctx);
		return failed("preparing TLS");
	}
	e = trust(ctx, peer);
	if (e) {
		SSL_CTX_free(ctx);
		return e;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, choose_h2, NULL);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_mode(ctx,
			       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	*ret = ctx;
	return NULL;
}

struct err *tls_text(X509 *cert, struct buf *ret)
{
	uint8_t text[LINE_BYTES];
	uint8_t *der = NULL;
	const int len = i2d_X509(cert, &der);
	int n;

	if (len <= 0 || len > LINE_BYTES / 2) {
		OPENSSL_free(der);
		return failed("writing the certificate");
	}
	n = EVP_EncodeBlock(text, der, len);
	OPENSSL_free(der);
	while (n && text[n - 1] == '=')
		n--;
	(void)buf_add(ret, (const char *)text, (size_t)n);
	return NULL;
}
