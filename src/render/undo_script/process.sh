# is_process PID START: whether it is still that process and no later one, by field 22 of /proc/PID/stat.
is_process() {
	[ "$(tail -n 1 "/proc/$1/stat" 2> /dev/null | sed 's/.*) //' | cut -d ' ' -f 20)" = "$2" ]
}
