package track

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// defaultUser runs scripts for which no user is configured, if it exists
// (keepalived.conf(5), "SCRIPTS").
const defaultUser = "keepalived_script"

// ResolveUser finds whom a script is to be run as. An empty group is the
// user's own; an empty user is keepalived_script if that exists. The result is
// nil when the script runs as the daemon itself does, which needs no
// privilege. Other credentials have no supplementary groups.
func ResolveUser(name, group string) (*syscall.Credential, error) {
	account, err := lookUp(name)
	if err != nil || account == nil {
		return nil, err
	}
	gid := account.Gid
	if group != "" {
		found, err := user.LookupGroup(group)
		if err != nil {
			return nil, fmt.Errorf("find group %q for scripts: %w", group, err)
		}
		gid = found.Gid
	}
	uidNumber, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %q for scripts: %w", account.Username, err)
	}
	gidNumber, err := strconv.ParseUint(gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group of user %q for scripts: %w", account.Username, err)
	}
	if int(uidNumber) == os.Geteuid() && int(gidNumber) == os.Getegid() {
		return nil, nil
	}
	return &syscall.Credential{Uid: uint32(uidNumber), Gid: uint32(gidNumber)}, nil
}

// lookUp finds an account. It is nil when no name is given and there is no
// default user.
func lookUp(name string) (*user.User, error) {
	if name != "" {
		account, err := user.Lookup(name)
		if err != nil {
			return nil, fmt.Errorf("find user %q for scripts: %w", name, err)
		}
		return account, nil
	}
	account, err := user.Lookup(defaultUser)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find user %q for scripts: %w", defaultUser, err)
	}
	return account, nil
}
