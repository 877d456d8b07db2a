#ifndef ENDING_H
#define ENDING_H

/*
 * From here on the first SIGTERM, SIGINT or SIGHUP ends what is waited for (clock_cut()), so that the program tells what it has
 * done and what not, as after any other failure; the next one ends the program.
 */
void ending_told(void);

#endif
