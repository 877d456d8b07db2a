#ifndef CLUSTER_PKI_H
#define CLUSTER_PKI_H

#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "json.h"

/*
 * The secrets of a cluster that all control planes share (kubeadm's documentation: "Certificate
 * Management with kubeadm", "Manual copying of certificates"), made or read here and held in memory alone:
 * certificate authorities, the key that signs service accounts' tokens, the keys of encryption at rest.
 * kubeadm makes all other certificates from these on the node that needs them. Private halves are
 * overwritten when they are released. One thread at a time.
 */
struct pki;

/* Where files are on a node. */
#define PKI_FOLDER     "/etc/kubernetes/pki"
#define PKI_ENCRYPTION PKI_FOLDER "/encryption.yaml" /* EncryptionConfiguration */

struct pki_options {
	/* As kubeadm's encryptionAlgorithm: RSA-2048, RSA-3072, RSA-4096, ECDSA-P256, ECDSA-P384; NULL: ECDSA-P256. */
	const char *key_type;
	int ca_days; /* 0: 3650 */
	bool external_etcd; /* etcd has a CA of its own: pki_put() it with the client's certificate and key */
	int64_t now_s; /* wall clock; 0: now */
	int skew_s; /* how much earlier all certificates begin, for clocks that are late; 0: 300 */
};

/* ERR_USAGE: an unknown type of key, or days out of 1 to 36500. */
MUST_USE struct err *pki_new(const struct pki_options *o, struct pki **ret);
/*
 * From what was read on a control plane: {path: text}, absolute paths. What is no file of a PKI is passed over.
 * ERR_NOT_FOUND names what is missing, ERR_PROTOCOL what is no PEM or a key of another certificate.
 */
MUST_USE struct err *pki_from_files(struct json_object *files, bool external_etcd,
				    struct pki **ret);
void pki_free(struct pki *p); /* NULL is fine */

/* The i-th path that a further control plane must have the same of; NULL past the end. */
const char *pki_path(const struct pki *p, size_t i);
/* The same before there is any. */
const char *pki_file(bool external_etcd, size_t i);
/* Its text; borrowed; NULL: there is none. */
const char *pki_text(const struct pki *p, const char *path);
/* Gives one from outside; checked as pki_from_files() does. ERR_USAGE: no such file. */
MUST_USE struct err *pki_put(struct pki *p, const char *path, const char *text);
/*
 * Steps of a node's plan (contract of agent plans) that make folders and files, with modes and owners as
 * kubeadm's; all files but certificates are secret. json_wipe() them (session/config.h) before they are freed. Owned.
 */
struct json_object *pki_steps(const struct pki *p);

/*
 * EncryptionConfiguration with the key of this name, made if there is none: `provider` is secretbox, aescbc or aesgcm,
 * `resources` a list of names ("secrets"). What is encrypted by none yet, or by the keys there were, stays readable. A
 * second call with the same changes nothing. Where several API servers run, another key is safe only once all of them
 * have it: cluster/encryption.h.
 */
MUST_USE struct err *pki_encryption(struct pki *p, const char *provider, const char *key,
				    struct json_object *resources);

/* ---- what is made from it ---- */

/* A certificate and its key as PEM text. */
struct pki_pair {
	char *cert, *key;
};
void pki_pair_release(struct pki_pair *pair);

struct pki_client {
	const char *name;                 /* common name: the user */
	const char *const *organizations; /* groups; ends with NULL; NULL: none */
	int64_t life_s;                   /* 0: a year; never longer than the CA's */
	int64_t now_s;
	int skew_s; /* as above */
};

/*
 * A certificate for a client of the API server, with a key of the CA's type. Groups: kubeadm:cluster-admins (bound by
 * kubeadm init, since 1.29), system:masters (past all authorization), system:nodes with the name "system:node:NAME".
 */
MUST_USE struct err *pki_client(const struct pki *p, const struct pki_client *c,
				struct pki_pair *ret);
/* "sha256:..." of the CA's public key, as kubeadm join --discovery-token-ca-cert-hash wants it. Owned. */
MUST_USE struct err *pki_pin(const char *ca_pem, char **ret);

/* ---- secrets without one ---- */

/* "abcdef.0123456789abcdef", all characters equally likely. Owned: wipe_free(). */
MUST_USE struct err *pki_token(char **ret);
/* True of what pki_token() makes. */
bool pki_token_is(const char *s);
/* 32 random bytes in hexadecimal, as kubeadm init --certificate-key wants them. Owned: wipe_free(). */
MUST_USE struct err *pki_certificate_key(char **ret);

#endif
