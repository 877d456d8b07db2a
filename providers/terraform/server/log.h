#ifndef LOG_H
#define LOG_H

/*
 * The log as Terraform's TF_LOG shows it: JSON lines on standard error. The level is that of
 * TF_LOG_PROVIDER, else of TF_LOG; where none is set, only warnings and errors are written.
 */
enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

/* Before the first thread. name: the provider's. */
void log_open(const char *name);
/*
 * Pairs of key and value follow, both strings, then NULL. A value that is NULL leaves its pair out.
 * From any thread. Never a secret.
 */
__attribute__((sentinel)) void log_write(enum log_level level, const char *message, ...);

#endif
