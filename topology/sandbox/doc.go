// Package sandbox holds the namespaces a trial lives in.
//
// A trial runs inside fresh PID, mount, network, UTS and IPC namespaces, and
// in a user namespace when the caller is not root. Process 1 of the PID
// namespace is the program itself, started again in a role. When it dies,
// even by SIGKILL, the kernel kills every process in the namespace, and with
// the last process the mount namespace goes, which held the only names of the
// network namespaces, and with them every veth and bridge. Process 1 in turn
// dies with its parent, by the parent-death signal and by the end of a pipe.
// So nothing can stay behind, whoever is killed and when.
//
// The machine's own interfaces, firewall and /run are never touched: the
// sandbox has its own, and /run is a tmpfs that nobody else sees.
//
// Threads: a network namespace belongs to a thread, not to a process.
// Everything that enters one does so on a locked thread, through
// github.com/containernetworking/plugins/pkg/ns or enter.go, and a thread
// that entered a mount or PID namespace is never given back.
//
// It imports nothing of ours.
package sandbox
