#ifndef SANDBOX_H
#define SANDBOX_H

/*
 * A fresh folder that is the home and the working folder, and an environment without anything that
 * the programs look at. For fixtures: sandbox_leave() puts all back.
 */
void sandbox_enter(void);
void sandbox_leave(void);
/* Borrowed; the folder's path. */
const char *sandbox_path(void);
/* Writes a file, its folders included; the path is relative to the sandbox. ' stays '. */
void sandbox_write(const char *path, const char *text);
/* Sets "NAME=value", as putenv() but copied. */
void sandbox_env(const char *setting);

#endif
