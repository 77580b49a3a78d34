/* commands.h - the verbs of the command line; each returns the exit code: 0 done, 1 failed, 2 used wrongly. */
#pragma once

int command_serve(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_sim(int argc, char **argv);
int command_check(int argc, char **argv);
int command_tenants(int argc, char **argv);
int command_rekey(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_forget(int argc, char **argv);
int command_sync(int argc, char **argv);
int command_mail(int argc, char **argv);
int command_health(int argc, char **argv);
