#ifndef ADAPTER_JOURNAL_H
#define ADAPTER_JOURNAL_H

#include "resource.h"

/*
 * What is being made, on disk before it is asked for, so that a run that was killed at any point leaves
 * nothing behind that the next one does not know of.
 *
 * One file for each process, in Terraform's data directory of the root module (.terraform/treenail,
 * mode 0600), by workspace and provider block; locked while its process lives. It has a digest of each object that is to
 * be made, the time, and the ID as soon as there is one; no value of the configuration. A process that
 * Terraform ends in the usual way removes it: Terraform has the IDs in its state then; one that planned
 * creations leaves the IDs it knows for the one that applies. What a dead
 * process left is taken over by the next one of the same root and workspace: an entry whose ID is in the
 * state is done with; one that is not is a lost object, which the creation of the same thing adopts -
 * by its ID, or, if the answer never came, by its name or else by all that was wanted, the time it
 * was made (where the service does not tell it: that it did not have the name before), and that no other
 * object in the state has that ID. What is not there yet is waited for
 * as long as the service may be at it.
 *
 * Where the directory cannot be written there is no journal: a warning in the log says so.
 */
struct journal_entry {
	struct keeper keeper; /* for op->keeper */
	const char *of;
	char *key;
	char *id;
	unsigned long number;
};

/* Which provider block this process is for, before anything else: others leave its files alone. */
void journal_for(const char *digest);
/* Before a creation is sent. `of`: name of its kind; `what`: digest of all that tells it from others. */
void journal_begin(struct journal_entry *entry, const char *of, const char *what);
/* It came to nothing, and nothing is there. */
void journal_forget(struct journal_entry *entry);
/* Terraform knows it by another ID than the service. */
void journal_named(struct journal_entry *entry, const char *id);
/* It was not answered: something may be there. */
void journal_doubt(const struct journal_entry *entry);
void journal_entry_release(struct journal_entry *entry);
/* Terraform's state has it. */
void journal_seen(const char *of, const char *id);
/*
 * The same where what tells an object from others is all that is known of it. The next process is not told: by then the
 * state may have lost it.
 */
void journal_met(const char *of, const char *what);
/* Whether this process has met it, or a run that was killed was making it. */
bool journal_knows(const char *of, const char *what);
/* It is gone: where names are IDs, the next one may have the same. */
void journal_gone(const char *of, const char *id);
/*
 * Whether the next process is to be told whose is whose: while Terraform plans, it tells of all objects;
 * while it applies, only of those that change. What is said last and false stays.
 */
void journal_hand_on(bool yes);
/* Whether something was applied by this process: what Terraform plans then it has planned before. */
bool journal_applies(void);
/* The process ends; saved: Terraform has all that was made in its state. */
void journal_end(bool saved);

#endif
