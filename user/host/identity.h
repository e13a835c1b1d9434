/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process is called that survives its restart: the program it runs, who runs it, and where. Its number does not.
 */
#pragma once

/*
 * The program of a Python's command line: the name of the script, of the module behind -m, "-c" for a command given as
 * text; else that of the executable. NULL without memory; the caller frees.
 */
char *identity__app(char *const *cmdline, const char *comm);
