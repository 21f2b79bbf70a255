/* mkprocs - make N processes that each hold M open descriptors, some of them on deleted log files.
 *
 *   cc -O2 -o mkprocs mkprocs.c
 *   mkprocs start [--procs 400] [--fds 200] [--deleted 4] [--threads 1] [--dir DIR]
 *   mkprocs stop  [--dir DIR]
 *
 * start puts a supervisor in the background, waits until every process holds everything it should, prints the
 * truth as one JSON object (also DIR/truth.json) and returns. stop ends the supervisor by the pid in DIR/pid; the
 * supervisor ends its own children by pid and removes what it made. If the supervisor dies, the children die
 * with it (PR_SET_PDEATHSIG).
 *
 * The shape is that of a Gunicorn host: processes come in groups of 8 (a master and 7 workers). Half of the
 * deleted files of a process are the group's (opened once by the group's first process and inherited, so one
 * inode and one open file description are seen in 8 processes), half are its own. The rest of the descriptors are
 * sockets, pipes, eventfds, epolls, live regular files from a shared pool, and /dev/null.
 * Everything is deterministic but pids and inode numbers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP 8
#define POOL 512

static int procs = 400, fds = 200, deleted = 4, threads = 1;
static const char *dir = "/var/tmp/mkprocs";

struct shared {
	volatile int ready, failed;
	volatile long deleted_files, deleted_bytes, deleted_fds, total_fds, live_log_fds;
} *S;

static void die(const char *what)
{
	fprintf(stderr, "mkprocs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int mklog(const char *name, long size, int unlink_it)
{
	char buf[4096];
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0)
		die(name);
	memset(buf, 'x', sizeof buf);
	for (long left = size; left > 0; left -= sizeof buf)
		if (write(fd, buf, left < (long)sizeof buf ? left : (long)sizeof buf) < 0)
			die("write");
	if (unlink_it && unlink(name))
		die("unlink");
	return fd;
}

static void *idle(void *a)
{
	for (;;)
		pause();
	return a;
}

static void fill(int have, int index)
{
	char name[512];
	int n = have;

	for (int k = 0; n < fds; k++) {
		int sv[2];

		switch (k % 10) {
		case 0: case 1: case 2: case 3: /* live regular files, read only */
			snprintf(name, sizeof name, "%s/pool/module-%03d.py", dir, (index * 7 + k) % POOL);
			if (open(name, O_RDONLY | O_CLOEXEC) < 0)
				die(name);
			n++;
			break;
		case 4: case 5: case 6: /* sockets */
			if (n + 2 > fds) {
				if (socket(AF_UNIX, SOCK_STREAM, 0) < 0)
					die("socket");
				n++;
			} else {
				if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
					die("socketpair");
				n += 2;
			}
			break;
		case 7: /* pipes */
			if (n + 2 > fds)
				break;
			if (pipe2(sv, O_CLOEXEC))
				die("pipe");
			n += 2;
			break;
		case 8:
			if (eventfd(0, EFD_CLOEXEC) < 0)
				die("eventfd");
			n++;
			break;
		default:
			if (epoll_create1(EPOLL_CLOEXEC) < 0)
				die("epoll");
			n++;
		}
	}
	__sync_fetch_and_add(&S->total_fds, n);
}

static void child(int group, int member, int inherited, int inherited_deleted)
{
	char name[512];
	int index = group * GROUP + member, have = 3 + inherited;
	int own = deleted - deleted / 2;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	for (int i = 0; i < own; i++, have++) {
		long size = 4096L * (1 + (index + i) % 16);

		snprintf(name, sizeof name, "%s/log/worker-%05d.log.%d", dir, index, i + 1);
		mklog(name, size, 1);
		__sync_fetch_and_add(&S->deleted_files, 1);
		__sync_fetch_and_add(&S->deleted_bytes, size);
	}
	__sync_fetch_and_add(&S->deleted_fds, own + inherited_deleted);
	__sync_fetch_and_add(&S->live_log_fds, 1);
	fill(have, index);
	for (int i = 1; i < threads; i++) {
		pthread_t t;
		pthread_attr_t a;

		pthread_attr_init(&a);
		pthread_attr_setstacksize(&a, 65536);
		if (pthread_create(&t, &a, idle, NULL))
			die("pthread_create");
	}
	__sync_fetch_and_add(&S->ready, 1);
	idle(NULL);
}

static volatile sig_atomic_t stopping;
static void on_term(int s) { (void)s; stopping = 1; }

static void supervise(int out)
{
	char name[512];
	pid_t *pids = calloc(procs, sizeof *pids);
	int status, null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	close(null);
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	for (int g = 0; g * GROUP < procs; g++) {
		int shared = deleted / 2, keep[64];

		if (shared > 60)
			shared = 60;
		for (int i = 0; i < shared; i++) {
			long size = 4096L * (4 + (g + i) % 32);

			snprintf(name, sizeof name, "%s/log/app-%04d.error.log.%d", dir, g, i + 1);
			keep[i] = mklog(name, size, 1);
			S->deleted_files++;
			S->deleted_bytes += size;
		}
		snprintf(name, sizeof name, "%s/log/app-%04d.error.log", dir, g);
		keep[shared] = mklog(name, 8192, 0);
		for (int m = 0; m < GROUP && g * GROUP + m < procs; m++) {
			pid_t p = fork();

			if (p < 0)
				die("fork");
			if (!p)
				child(g, m, shared + 1, shared);
			pids[g * GROUP + m] = p;
		}
		for (int i = 0; i <= shared; i++)
			close(keep[i]);
	}
	while (S->ready < procs && !stopping) {
		if (waitpid(-1, &status, WNOHANG) > 0)
			stopping = 2;
		usleep(2000);
	}
	if (write(out, stopping ? "n" : "y", 1) != 1)
		stopping = 2;
	close(out);
	while (!stopping)
		pause();
	for (int i = 0; i < procs; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	while (waitpid(-1, &status, 0) > 0)
		;
	for (int g = 0; g * GROUP < procs; g++) {
		snprintf(name, sizeof name, "%s/log/app-%04d.error.log", dir, g);
		unlink(name);
	}
	for (int i = 0; i < POOL; i++) {
		snprintf(name, sizeof name, "%s/pool/module-%03d.py", dir, i);
		unlink(name);
	}
	snprintf(name, sizeof name, "%s/pid", dir);
	unlink(name);
	_exit(0);
}

static void mkdirs(char *p)
{
	for (char *s = p + 1; *s; s++)
		if (*s == '/') {
			*s = 0;
			mkdir(p, 0755);
			*s = '/';
		}
	mkdir(p, 0755);
}

int main(int argc, char **argv)
{
	char name[512], ok;
	int pv[2];

	if (argc < 2 || (strcmp(argv[1], "start") && strcmp(argv[1], "stop"))) {
		fprintf(stderr, "usage: mkprocs start|stop [--procs N] [--fds M] [--deleted K] [--threads T] [--dir D]\n");
		return 2;
	}
	for (int i = 2; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--procs")) procs = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--fds")) fds = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--deleted")) deleted = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--threads")) threads = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--dir")) dir = argv[i + 1];
		else { fprintf(stderr, "mkprocs: unknown option %s\n", argv[i]); return 2; }
	}
	snprintf(name, sizeof name, "%s/pid", dir);
	if (!strcmp(argv[1], "stop")) {
		FILE *f = fopen(name, "r");
		int pid;

		if (!f || fscanf(f, "%d", &pid) != 1 || pid < 2)
			die(name);
		fclose(f);
		if (kill(pid, SIGTERM))
			die("kill");
		while (!access(name, F_OK))
			usleep(10000);
		printf("stopped %d\n", pid);
		return 0;
	}
	if (!access(name, F_OK)) {
		fprintf(stderr, "mkprocs: %s exists: stop the running one first\n", name);
		return 1;
	}
	if (fds < deleted + 8) {
		fprintf(stderr, "mkprocs: --fds must be at least --deleted + 8\n");
		return 2;
	}
	snprintf(name, sizeof name, "%s/log", dir); mkdirs(name);
	snprintf(name, sizeof name, "%s/pool", dir); mkdirs(name);
	for (int i = 0; i < POOL; i++) {
		snprintf(name, sizeof name, "%s/pool/module-%03d.py", dir, i);
		close(mklog(name, 100, 0));
	}
	struct rlimit r = { fds + 64, fds + 64 };
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < (rlim_t)fds + 64) {
		r.rlim_cur = fds + 64;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	S = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pipe2(pv, O_CLOEXEC))
		die("pipe");
	pid_t p = fork();
	if (p < 0)
		die("fork");
	if (!p) {
		setsid();
		close(pv[0]);
		supervise(pv[1]);
	}
	close(pv[1]);
	if (read(pv[0], &ok, 1) != 1 || ok != 'y') {
		kill(p, SIGTERM);
		fprintf(stderr, "mkprocs: a process could not get all it should hold\n");
		return 1;
	}
	snprintf(name, sizeof name, "%s/pid", dir);
	FILE *f = fopen(name, "w");
	fprintf(f, "%d\n", p);
	fclose(f);
	snprintf(name, sizeof name, "%s/truth.json", dir);
	for (int i = 0; i < 2; i++) {
		FILE *o = i ? fopen(name, "w") : stdout;

		fprintf(o, "{\"supervisor\": %d, \"processes\": %d, \"threads_each\": %d, \"fds\": %ld, \"deleted_fds\": %ld, "
			"\"deleted_files\": %ld, \"deleted_bytes\": %ld, \"live_log_fds\": %ld, \"log_dir\": \"%s/log\"}\n",
			p, procs, threads, S->total_fds, S->deleted_fds, S->deleted_files, S->deleted_bytes,
			S->live_log_fds, dir);
		if (i)
			fclose(o);
	}
	return 0;
}
