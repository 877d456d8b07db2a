#ifndef HOST_ROWS_H
#define HOST_ROWS_H

/* Rows that all modules of hosts have. */

#define ROWS_FLEET                                                                                                  \
	{ "hosts", RAW, OPTION,                                                                                     \
	  "The hosts to work on: names, [user@]host[:port], or dictionaries with the options below "                \
	  "that are a host's own; those given beside hosts hold for all of them. A name of the "                    \
	  "inventory stands for what that says of it. Without hosts, address names the only one.",                  \
	  .sub = ssh_host_options },                                                                                \
		{ "forks", INT, OPTION,                                                                             \
		  "Hosts that are worked on at once; as many as there are, else." },                                \
	{                                                                                                           \
		"max_fail", INT, OPTION,                                                                            \
			"So many hosts may fail, or not be reached, without the task failing: they are warned of.", \
			.value = "0"                                                                                \
	}

/* Of what is returned; `own` are the rows of one host's result. */
#define ROWS_RETURNED(own)                                                                        \
	{ "results", LIST, READONLY, "One for each host, in the order of hosts.", .sub = (own) }, \
	{                                                                                         \
		"failed_hosts", LIST, READONLY,                                                   \
			"Names of the hosts that failed or were not reached."                     \
	}
#define ROWS_RESULT                                                                                \
	{ "host", STR, READONLY, "The host's name." },                                             \
		{ "changed", BOOL, READONLY, "Whether something was done there." },                \
		{ "failed", BOOL, READONLY, "Whether that failed, or the host was not reached." }, \
		{ "unreachable", BOOL, READONLY,                                                   \
		  "Whether nothing was done as the host was not reached." },                       \
	{                                                                                          \
		"msg", STR, READONLY,                                                              \
			"What there is to say: of a failure, what was tried and went wrong."       \
	}

#endif
