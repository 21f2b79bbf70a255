# inside PATH: whether it lies below the root, so that no link in an image leads the script elsewhere.
inside() {
	[ -n "$ROOT" ] || return 0
	real=$(cd -P "$(dirname "$1")" 2> /dev/null && pwd -P) || return 0
	case $real/ in "$(cd -P "$ROOT" && pwd -P)"/*) return 0 ;; esac
	complain failed "$1 leads out of $ROOT"
	return 1
}
