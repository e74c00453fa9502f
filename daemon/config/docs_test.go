package config

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of keywords in docs/configuration.md anew")

const documentation = "../../docs/configuration.md"

// TestEveryKeywordIsDocumented looks for each keyword of each block under the
// block's heading.
func TestEveryKeywordIsDocumented(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			heading = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), " NAME"))
		}
		sections[heading] += line
	}
	check := func(section string, names []string) {
		for _, name := range names {
			if !strings.Contains(sections[section], "`"+name+"`") && !strings.Contains(sections[section], "`"+name+" ") {
				t.Errorf("%s: %s is not documented", section, name)
			}
		}
	}
	check("global_defs", names(&globalKeywords))
	check("vrrp_instance", names(&instanceKeywords))
	check("vrrp_instance", []string{"authentication", "unicast_peer"})
	check("auth_hmac", names(&hmacKeywords))
	check("vrrp_sync_group", names(&groupKeywords))
	check("vrrp_script", names(&scriptKeywords))
	check("vrrp_track_process", names(&processKeywords))
	check("track_file", names(&fileKeywords))
	check("bfd_instance", names(&bfdKeywords))
	check("Beyond keepalived", extensionNames)
}

// names are the keywords of a table that keepalived has too.
func names[T any](of *table[T]) []string {
	var all []string
	for i := range of.keywords {
		if !of.keywords[i].ours {
			all = append(all, of.keywords[i].name)
		}
	}
	return all
}

// TestTableOfKeywords holds the table of all keywords in the documentation to
// the code's tables. -update writes it.
func TestTableOfKeywords(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- keywords: made by go test -update -->\n", "<!-- end of keywords -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("the marks of the table are missing")
	}
	want := before + begin + keywordTables() + end + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatal("the table is not the code's; go test ./daemon/config -run TestTableOfKeywords -update")
	}
	if err := os.WriteFile(documentation, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ownKeywords are those of single checkers.
var ownKeywords = []struct {
	where string
	known []known
}{
	{"HTTP_GET and SSL_GET", httpKnown},
	{"url", urlKnown},
	{"UDP_CHECK", udpKnown},
	{"SMTP_CHECK", smtpKnown},
	{"DNS_CHECK", dnsKnown},
	{"MISC_CHECK", miscKnown},
	{"FILE_CHECK", fileKnown},
	{"BFD_CHECK", bfdKnown},
}

// documentedRow is a row of the documentation's table.
type documentedRow struct{ name, form, state string }

func keywordTables() string {
	var b strings.Builder
	counts := map[string]int{}
	write := func(where string, rows []documentedRow) {
		slices.SortFunc(rows, func(a, b documentedRow) int { return cmp.Compare(a.name, b.name) })
		fmt.Fprintf(&b, "\n### Keywords of %s\n\n| keyword | state |\n|---|---|\n", where)
		for _, row := range rows {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(row.form, "|", `\|`), row.state)
			counts[strings.SplitN(row.state, ":", 2)[0]]++
		}
	}
	write("the top level", rowsOf(&root))
	write("global_defs", rowsOf(&globalKeywords))
	write("vrrp_instance", rowsOf(&instanceKeywords))
	write("authentication", rowsOf(&authKeywords))
	write("auth_hmac", rowsOf(&hmacKeywords))
	write("vrrp_sync_group", rowsOf(&groupKeywords))
	write("vrrp_script", rowsOf(&scriptKeywords))
	write("vrrp_track_process", rowsOf(&processKeywords))
	write("track_file and vrrp_track_file", rowsOf(&fileKeywords))
	write("bfd_instance", rowsOf(&bfdKeywords))
	write("virtual_server", rowsOf(&virtualServerKnown))
	write("real_server", rowsOf(&realServerKnown))
	write("every checker", rowsOf(&table[struct{}]{known: checkerKnown}))
	write("every checker that connects, and of host", rowsOf(&table[struct{}]{known: connectionKnown}))
	for _, own := range ownKeywords {
		write(own.where, rowsOf(&table[struct{}]{known: own.known}))
	}
	write("SSL", rowsOf(&sslKnown))
	write("garp_group", rowsOf(&garpGroupKnown))
	write("track_group", rowsOf(&trackGroupKnown))
	summary := fmt.Sprintf("%d are implemented, %d accepted and not implemented, %d refused.\n",
		counts["implemented"], counts["accepted, not implemented"], counts["refused"])
	return "\n" + summary + b.String() + "\n"
}

func rowsOf[T any](of *table[T]) []documentedRow {
	var rows []documentedRow
	for i := range of.keywords {
		state := "implemented"
		if of.keywords[i].ours {
			state += ": vipd's own"
		}
		rows = append(rows, documentedRow{of.keywords[i].name, of.keywords[i].shape().String(), state})
	}
	for _, k := range of.known {
		state := "accepted, not implemented"
		if k.refused != "" {
			state = "refused: " + k.refused
		}
		rows = append(rows, documentedRow{k.name, shape{name: k.name, form: k.form, block: k.block}.String(), state})
	}
	return rows
}
