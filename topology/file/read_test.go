package file_test

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"takeover/topology"
	"takeover/topology/file"
)

const small = `
segments:
  lan: {prefix: 10.0.0.0/24}
hosts:
  node1:
    role: node
    links: {eth0: {segment: lan, address: 10.0.0.1/24}}
    gateway: 10.0.0.254
    processes:
      - nginx
      - subject: {config: one.conf}
`

func parse(text string) (topology.Spec, error) {
	return file.Parse("t.lab.yaml", []byte(text), func(name string) ([]byte, error) {
		if name == "one.conf" {
			return []byte("who ${HOST} ${NUMBER} ${ADDRESS}"), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	})
}

func TestReadsWhatIsWritten(t *testing.T) {
	spec, err := parse(small)
	if err != nil {
		t.Fatal(err)
	}
	node := spec.Hosts[0]
	if spec.Name != "t" || node.Role != topology.RoleNode || node.Routes[0].To.String() != "0.0.0.0/0" ||
		node.Processes[1].Config != "who node1 1 10.0.0.1" || node.Processes[1].ConfigName != "one.conf" {
		t.Errorf("%+v", spec)
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	spec, err := parse(`
segments: {lan: {}}
hosts:
  node1: &node
    role: node
    links: {eth0: {segment: lan, address: [10.0.0.1/24, "fd00::1/64"]}}
    sysctls: {net.ipv4.ip_forward: 1}
  node2:
    <<: *node
    links: {eth0: {segment: lan, address: 10.0.0.2/24}}
    forward: true
`)
	if err != nil {
		t.Fatal(err)
	}
	second := spec.Hosts[1]
	if second.Role != topology.RoleNode || second.Links[0].Addresses[0].String() != "10.0.0.2/24" || len(second.Links) != 1 {
		t.Errorf("%+v", second)
	}
	if !reflect.DeepEqual(second.Sysctls[len(second.Sysctls)-1], spec.Hosts[0].Sysctls[0]) {
		t.Errorf("sysctls %v and %v", spec.Hosts[0].Sysctls, second.Sysctls)
	}
}

func TestEveryProblemHasItsPlace(t *testing.T) {
	with := func(from, to string) string {
		if !strings.Contains(small, from) {
			t.Fatalf("the file has no %q", from)
		}
		return strings.Replace(small, from, to, 1)
	}
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", with("role: node", "rule: node"), `t.lab.yaml:6:5: unknown key "rule" in hosts.node1; there are role,`},
		{"twice", with("role: node", "role: node\n    role: client"), "t.lab.yaml:7:5: "},
		{"role", with("role: node", "role: nodes"), `t.lab.yaml:6:11: role: "nodes" is not one of client, node,`},
		{"no segment", with("segment: lan", "segment: wan"), `t.lab.yaml:7:29: no segment "wan"`},
		{"no length", with("address: 10.0.0.1/24", "address: 10.0.0.1"), `t.lab.yaml:7:43: address: "10.0.0.1" is not an address with its length`},
		{"outside", with("address: 10.0.0.1/24", "address: 10.0.1.1/24"), "t.lab.yaml:7:43: 10.0.1.1/24 is not in 10.0.0.0/24"},
		{"gateway", with("10.0.0.254", "10.9.0.254"), "t.lab.yaml:8:14: next hop 10.9.0.254 is on no link of node1"},
		{"config", with("one.conf", "two.conf"), "t.lab.yaml:11:27: read two.conf beside the topology file: file does not exist"},
		{"process", with("- nginx", "- apache"), `t.lab.yaml:10:9: 0: "apache" is not one of subject,`},
		{"two kinds", with("subject: {config: one.conf}", "{nginx: {}, subject: {config: one.conf}}"), "a process has one kind, not 2"},
		{"list", with("role: node", "role: [node]"), "t.lab.yaml:6:11: role: one of client, node, router, director, realserver is expected, not a list"},
		{"nothing", with("role: node", "role:"), "role: one of client, node, router, director, realserver is expected, there is nothing"},
		{"needs", with("segment: lan, ", ""), "t.lab.yaml:7:19: eth0: it needs segment"},
		{"count", with("role: node", "count: 1001"), `count: "1001" is not a number from 1 to 1000`},
		{"counted beyond", with("role: node", "count: 300"), "10.0.1.0/24 is not in 10.0.0.0/24"},
		{"too many", with("hosts:", "hosts:\n  a: {count: 600}\n  b: {count: 600}"), "t.lab.yaml:6:3: with b there are more than 1000 hosts"},
		{"no alias", with("role: node", "role: *missing"), "t.lab.yaml:"},
		{"syntax", with("hosts:", "hosts: ["), "t.lab.yaml:"},
		{"empty", "# nothing\n", "t.lab.yaml:1:1: the file is empty"},
		{"scalar", "hello", "t.lab.yaml:1:1: the file: a mapping is expected, not \"hello\""},
		{"two documents", small + "---\n" + small, "a topology file is one document"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if !errors.As(err, new(*file.Problems)) {
				t.Errorf("the error is a %T", err)
			}
		})
	}
}

func TestAllProblemsAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := parse(strings.NewReplacer("prefix: 10.0.0.0/24", "prefix: 10.0.0.9/24", "10.0.0.254", "10.9.0.254", "eth0", "eth 0").Replace(small))
	problems, ok := errors.AsType[*file.Problems](err)
	if !ok || len(problems.All) != 3 || problems.All[0].Line != 3 || problems.All[1].Line != 7 || problems.All[2].Line != 8 {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(problems.Pretty(), "\n      lan: {prefix: 10.0.0.9/24}\n                    ^\n") {
		t.Errorf("%s", problems.Pretty())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	for _, name := range file.Shipped() {
		text, err := file.ShippedFile(name + file.Suffix)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &a [*a]")
	f.Add("a: &a {b: *a}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		spec, err := parse(text)
		if err != nil {
			return
		}
		if err := spec.Validate(); err != nil {
			t.Errorf("it was read, but %v", err)
		}
	})
}
