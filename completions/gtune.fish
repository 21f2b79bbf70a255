# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gtune_global_optspecs
    string join \n root= format= color= q/quiet v/verbose h/help V/version
end

function __fish_gtune_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gtune_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gtune_using_subcommand
    set -l cmd (__fish_gtune_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gtune -n "__fish_gtune_needs_command" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_needs_command" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_needs_command" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_needs_command" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_needs_command" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_needs_command" -s V -l version -d 'Print version'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "doctor" -d 'Judge this host for Gunicorn; read-only'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "explain" -d 'Explain a check: what it looks at, why, and how to mend it'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "apply" -d 'Change this host for Gunicorn; every change can be taken back'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "rollback" -d 'Take a transaction of apply back, newest step first'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "history" -d 'List the transactions of apply and what became of them; read-only'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "oom" -d 'Show the processes that the kernel killed for want of memory; read-only'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "triage" -d 'Tell who killed the workers: the kernel, a time-out, a crash, somebody; read-only'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l skip -d 'Leave this check out; may be given again' -r -f -a "heartbeat-filesystem\t'Heartbeat files in memory'
heartbeat-space\t'Room for heartbeat files'
heartbeat-age\t'Workers beat in time'
tmpfs-mount\t'Mount of the heartbeat'
fstab\t'Heartbeat mount stored for boot'
somaxconn\t'Kernel bound of listen queues'
listen-backlog\t'Listen queues in force'
listen-overflows\t'Connections turned away'
open-file-limit\t'Limit of open files'
open-file-usage\t'Open files in use'
system-file-limit\t'Open files of the whole host'
limits-source\t'Where the limit comes from'
task-limit\t'Room for processes and threads'
oom-kills\t'Kills by the OOM killer'
memory-headroom\t'Memory left'
oom-policy\t'What an OOM kill ends'
stop-timeout\t'Time to stop'
worker-count\t'Number of workers'
version-quirks\t'Version and its quirks'
control-socket\t'Control socket'
process-names\t'Names of the processes'
sendfile\t'Files sent by sendfile()'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l unit -d 'Judge the Gunicorn of this unit only; may be given again' -r
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l pid -d 'Judge the Gunicorn with this master process only' -r
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l fail-on -d 'Exit 1 for findings of this severity or worse [default: warning]' -r -f -a "critical\t'Requests are hurt now'
warning\t'Will hurt under load or at the next reboot'
info\t'Hygiene'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l list -d 'List the checks and judge nothing'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand explain" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand explain" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l tmpfs -d 'Mount a tmpfs for heartbeat files at DIR, now and at every boot' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l size -d 'Size of that tmpfs: 64m, 5G, 20% of the memory, or bytes [default: 64m]' -r
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l backend -d 'Where the mount is stored for boot [default: fstab]' -r -f -a "fstab\t'A line in /etc/fstab'
unit\t'A mount unit in /etc/systemd/system'"
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l somaxconn -d 'Raise the cap of listen queues to N, now and at every boot' -r
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l nofile -d 'Raise the limit of open files to N, or to what the workers need' -r
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l oom-policy -d 'What systemd does when the kernel kills a worker for want of memory' -r -f -a "continue\t'Leave it to the master to replace the worker'
stop\t'Stop the whole service'"
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l unit -d 'Change this unit only; may be given again [default: all that start a Gunicorn; with --tmpfs none]' -r
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l recommended -d 'Do what the fix: lines of doctor say; what is to be done by hand is left to you'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l dry-run -d 'Print the plan and change nothing'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l restart -d 'Restart the changed units at the end; without it the restart is left to you'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l adopt -d 'Change lines and files that others wrote, where they are in the way'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -l force -d 'Allow a number that is lower than the present one'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l dry-run -d 'Print what would be taken back and change nothing'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l print -d 'Print it as a shell script that does the same without gtune, and change nothing'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l force -d 'Take back also what somebody else has changed since; their change is lost'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l restart -d 'Restart every unit that loses a setting, also where apply restarted none'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -l no-restart -d 'Restart no unit, also where apply restarted some'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand history" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand history" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand history" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand history" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand history" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l since -d 'Leave out what was before: 2h, 7d, 2026-11-20, 2026-11-20T18:46:00Z' -r
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l until -d 'Leave out what came after' -r
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l match -d 'Show the kills whose process name, unit or control group matches this regular expression' -r
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand oom" -l all -d 'Show every kill, not only those that hit a Gunicorn'
complete -c gtune -n "__fish_gtune_using_subcommand oom" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand oom" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand oom" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l unit -d 'Tell of this unit\'s deaths only; of named logs, that they are this unit\'s; may be given again' -r
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l pid -d 'Tell of this worker\'s death only, or of a master and its workers' -r
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l error-log -d 'Gunicorn\'s error logs or journals to read in place of this host\'s logs; - is standard input' -r -F
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l kernel-log -d 'The kernel\'s logs to read in place of this host\'s logs; - is standard input' -r -F
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l since -d 'Leave out what was before: 2h, 7d, 2026-11-20, 2026-11-20T18:46:00Z [default: 24h; for named logs their begin]' -r
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l until -d 'Leave out what came after' -r
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand triage" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand triage" -s q -l quiet -d 'Print findings, failures and the last line only'
complete -c gtune -n "__fish_gtune_using_subcommand triage" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand triage" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "doctor" -d 'Judge this host for Gunicorn; read-only'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "explain" -d 'Explain a check: what it looks at, why, and how to mend it'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "apply" -d 'Change this host for Gunicorn; every change can be taken back'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "rollback" -d 'Take a transaction of apply back, newest step first'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "history" -d 'List the transactions of apply and what became of them; read-only'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "oom" -d 'Show the processes that the kernel killed for want of memory; read-only'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "triage" -d 'Tell who killed the workers: the kernel, a time-out, a crash, somebody; read-only'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain apply rollback history oom triage help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -f -a "heartbeat-filesystem\t'Heartbeat files in memory'
heartbeat-space\t'Room for heartbeat files'
heartbeat-age\t'Workers beat in time'
tmpfs-mount\t'Mount of the heartbeat'
fstab\t'Heartbeat mount stored for boot'
somaxconn\t'Kernel bound of listen queues'
listen-backlog\t'Listen queues in force'
listen-overflows\t'Connections turned away'
open-file-limit\t'Limit of open files'
open-file-usage\t'Open files in use'
system-file-limit\t'Open files of the whole host'
limits-source\t'Where the limit comes from'
task-limit\t'Room for processes and threads'
oom-kills\t'Kills by the OOM killer'
memory-headroom\t'Memory left'
oom-policy\t'What an OOM kill ends'
stop-timeout\t'Time to stop'
worker-count\t'Number of workers'
version-quirks\t'Version and its quirks'
control-socket\t'Control socket'
process-names\t'Names of the processes'
sendfile\t'Files sent by sendfile()'"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -f -a "heartbeat-filesystem\t'Heartbeat files in memory'
heartbeat-space\t'Room for heartbeat files'
heartbeat-age\t'Workers beat in time'
tmpfs-mount\t'Mount of the heartbeat'
fstab\t'Heartbeat mount stored for boot'
somaxconn\t'Kernel bound of listen queues'
listen-backlog\t'Listen queues in force'
listen-overflows\t'Connections turned away'
open-file-limit\t'Limit of open files'
open-file-usage\t'Open files in use'
system-file-limit\t'Open files of the whole host'
limits-source\t'Where the limit comes from'
task-limit\t'Room for processes and threads'
oom-kills\t'Kills by the OOM killer'
memory-headroom\t'Memory left'
oom-policy\t'What an OOM kill ends'
stop-timeout\t'Time to stop'
worker-count\t'Number of workers'
version-quirks\t'Version and its quirks'
control-socket\t'Control socket'
process-names\t'Names of the processes'
sendfile\t'Files sent by sendfile()'"
