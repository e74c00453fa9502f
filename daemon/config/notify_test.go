package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const notifying = `global_defs {
    notify_fifo /run/a root
    notify_fifo_script "/bin/a 'b c'"
    startup_script /bin/start
    startup_script_timeout 3
    vrrp_notify_priority_changes
}
vrrp_sync_group G {
    group { V }
    notify_fault /bin/group nobody nogroup
}
vrrp_instance V {
    interface eth0
    virtual_router_id 7
    virtual_ipaddress { 10.0.0.1 }
    notify_master "/bin/m one 'two words'" nobody
    notify_master /bin/second
    notify /bin/any
    notify_deleted
}
`

func TestNotifies(t *testing.T) {
	c, err := Parse("k.conf", []byte(notifying))
	if err != nil {
		t.Fatal(err)
	}
	global := c.Global
	if f := global.FIFO; f.Path != "/run/a" || f.User != "root" || !slices.Equal(f.Script.Words, []string{"/bin/a", "b c"}) {
		t.Errorf("fifo %+v", f)
	}
	if global.StartupScript.Words[0] != "/bin/start" || global.StartupTimeout != 3*time.Second ||
		global.ShutdownScript != nil || global.ShutdownTimeout != 10*time.Second {
		t.Errorf("startup and shutdown: %+v", global)
	}
	n := c.Instances[0].Notify
	if !slices.Equal(n.Master.Words, []string{"/bin/m", "one", "two words"}) || n.Master.User != "nobody" || n.Master.Group != "" {
		t.Errorf("notify_master %+v", n.Master)
	}
	if n.Any == nil || n.Backup != nil || !n.DeletedNamed || n.Deleted != nil || !n.PriorityChanges {
		t.Errorf("notifies %+v", n)
	}
	if f := c.Groups[0].Notify.Fault; f.User != "nobody" || f.Group != "nogroup" {
		t.Errorf("notify_fault %+v", f)
	}
	if !slices.ContainsFunc(c.Warnings, func(w *Error) bool {
		return strings.Contains(w.Error(), "notify_master was set on line 16 already") && w.Hint == "the first one counts"
	}) {
		t.Errorf("warnings %v", c.Warnings)
	}
}
