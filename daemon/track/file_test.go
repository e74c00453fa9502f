package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// watchFile watches a file until the test ends, and takes its first number.
func watchFile(t *testing.T, path string, first int) <-chan Result {
	t.Helper()
	results := watching(t, func(ctx context.Context, results chan<- Result) error {
		return WatchFiles(ctx, []*File{{Name: "f", Path: path}}, results, func(error) {})
	})
	if got := receive(t, results); got.Kind != KindFile || got.Name != "f" || !got.Up || !got.First || got.Number != first {
		t.Fatalf("first: %+v, want %d", got, first)
	}
	return results
}

// shell does what a step of a test says, in a directory of its own. The words
// are those of sh(1), which is not needed for them.
func shell(t *testing.T, directory, step string) {
	t.Helper()
	words := strings.Fields(step)
	in := func(n int) string { return filepath.Join(directory, words[n]) }
	var err error
	switch words[0] {
	case "echo": // echo NUMBER > FILE
		err = os.WriteFile(in(3), []byte(words[1]+"\n"), 0o600)
	case "empty":
		err = os.WriteFile(in(1), nil, 0o600)
	case "rm":
		err = os.RemoveAll(in(1))
	case "mv":
		err = os.Rename(in(1), in(2))
	case "mkdir":
		err = os.MkdirAll(in(1), 0o700)
	case "ln": // ln -s TARGET NAME
		err = os.Symlink(words[2], in(3))
	case "link":
		err = os.Link(in(1), in(2))
	default:
		err = errors.New("unknown step")
	}
	if err != nil {
		t.Fatalf("%s: %v", step, err)
	}
}

func TestFileIsFollowedThroughEveryChange(t *testing.T) {
	// A step ends with the number it brings about, if it changes that.
	tests := []struct {
		name, before string
		steps        string
	}{
		{"written", "echo 1 > f", "echo 2 > f =2; echo 2 > f; echo 3 > f =3"},
		{"appears", "", "echo 5 > f =5"},
		{"emptied", "echo 5 > f", "empty f =0; echo 5 > f =5"},
		{"removed", "echo 5 > f", "rm f =0; echo 5 > f =5"},
		{"replaced at once", "echo 1 > f; echo 2 > g", "mv g f =2; echo 3 > f =3"},
		{"moved away and back", "echo 1 > f", "mv f g =0; echo 7 > g; mv g f =7"},
		{"gets a second name", "echo 4 > g", "link g f =4"},
		{"others are of no interest", "echo 1 > f", "echo 9 > g; mkdir d; mv g d/g; echo 2 > f =2"},
		{"link to another file", "echo 1 > a; echo 2 > b; ln -s a f", "ln -s b g; mv g f =2; echo 3 > b =3; echo 9 > a"},
		{"link to nothing", "ln -s a f", "echo 3 > a =3; rm f =0"},
		{
			"directory is swapped by a link", "mkdir v1; mkdir v2; echo 1 > v1/n; echo 2 > v2/n; ln -s v1 data; ln -s data/n f",
			"ln -s v2 new; mv new data =2; echo 3 > v2/n =3; echo 9 > v1/n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			follow(t, "f", test.before, test.steps)
		})
	}
}

func TestFileIsFollowedThroughChangesOfItsDirectory(t *testing.T) {
	tests := []struct {
		name, before string
		steps        string
	}{
		{"appears", "", "mkdir d/e; echo 5 > d/e/f =5"},
		{"appears whole", "mkdir x/e; echo 5 > x/e/f", "mv x d =5"},
		{"removed and made anew", "mkdir d/e; echo 5 > d/e/f", "rm d =0; mkdir d/e; echo 6 > d/e/f =6"},
		{"moved away and back", "mkdir d/e; echo 5 > d/e/f", "mv d x =0; mv x d =5; echo 6 > d/e/f =6"},
		{"inner one is moved", "mkdir d/e; echo 5 > d/e/f", "mv d/e x =0; mkdir d/e; echo 6 > d/e/f =6"},
		{"link to a directory", "mkdir v/e; echo 5 > v/e/f", "ln -s v d =5; rm d =0"},
		{
			"link is swapped", "mkdir v1/e; mkdir v2/e; echo 1 > v1/e/f; echo 2 > v2/e/f; ln -s v1 d",
			"ln -s v2 new; mv new d =2; echo 3 > v2/e/f =3; echo 9 > v1/e/f",
		},
		{"a file in its place", "", "echo 1 > d; rm d; mkdir d/e; echo 2 > d/e/f =2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			follow(t, "d/e/f", test.before, test.steps)
		})
	}
}

func follow(t *testing.T, path, before, steps string) {
	t.Helper()
	directory := t.TempDir()
	for step := range strings.SplitSeq(before, "; ") {
		if step != "" {
			shell(t, directory, step)
		}
	}
	file := &File{Path: filepath.Join(directory, path)}
	first, _, err := file.read()
	if err != nil {
		t.Fatal(err)
	}
	results := watchFile(t, file.Path, first)
	for step := range strings.SplitSeq(steps, "; ") {
		does, number, changes := strings.Cut(step, " =")
		shell(t, directory, does)
		if !changes {
			continue // what it wrongly brings about comes in the next one's place
		}
		if got := receive(t, results); fmt.Sprint(got.Number) != number || got.First {
			t.Fatalf("after %q: %+v", step, got)
		}
	}
}

// Half a number is not read, although another file changes meanwhile.
func TestFileIsReadWhenItIsClosed(t *testing.T) {
	for _, before := range []string{"truncated", "new"} {
		t.Run(before, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "f")
			if before == "truncated" {
				shell(t, directory, "echo 50 > f")
			}
			results := make(chan Result)
			go func() {
				_ = WatchFiles(t.Context(), []*File{
					{Name: "f", Path: path}, {Name: "other", Path: filepath.Join(directory, "g")},
				}, results, func(error) {})
			}()
			receive(t, results)
			receive(t, results)
			writer, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			for n, text := range []string{"6", "0"} {
				if _, err := writer.WriteString(text); err != nil {
					t.Fatal(err)
				}
				shell(t, directory, fmt.Sprintf("echo %d > g", n+1))
				if got := receive(t, results); got.Name != "other" {
					t.Errorf("before it is closed: %+v", got)
				}
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, results); got.Name != "f" || got.Number != 60 {
				t.Errorf("got %+v, want 60", got)
			}
		})
	}
}

func TestInvalidNumberLeavesTheLastOne(t *testing.T) {
	directory := t.TempDir()
	shell(t, directory, "echo 5 > f")
	results := watchFile(t, filepath.Join(directory, "f"), 5)
	shell(t, directory, "echo 99999999999 > f")
	shell(t, directory, "echo 6 > f")
	if got := receive(t, results); got.Number != 6 {
		t.Errorf("got %+v", got)
	}
}

func TestSeveralFilesShareAWatch(t *testing.T) {
	directory := t.TempDir()
	results := make(chan Result)
	go func() {
		_ = WatchFiles(t.Context(), []*File{
			{Name: "a", Path: filepath.Join(directory, "a")}, {Name: "b", Path: filepath.Join(directory, "b")},
		}, results, func(error) {})
	}()
	receive(t, results)
	receive(t, results)
	for _, name := range []string{"b", "a"} {
		shell(t, directory, "echo 5 > "+name)
		if got := receive(t, results); got.Name != name || got.Number != 5 {
			t.Errorf("got %+v", got)
		}
	}
}

func TestPrepareInitialisesAFile(t *testing.T) {
	five := 5
	tests := []struct {
		name, before string
		file         File
		want         string
		failure      string
	}{
		{"nothing to do", "", File{}, "", ""},
		{"missing", "", File{Init: &five}, "5\n", ""},
		{"there", "echo 7 > f", File{Init: &five}, "7\n", ""},
		{"overwritten", "echo 7 > f", File{Init: &five, Overwrite: true}, "5\n", ""},
		{"directory", "mkdir f", File{Init: &five, Overwrite: true}, "", "not a regular file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			if test.before != "" {
				shell(t, directory, test.before)
			}
			test.file.Path = filepath.Join(directory, "f")
			err := test.file.Prepare()
			if (err != nil) != (test.failure != "") || err != nil && !strings.Contains(err.Error(), test.failure) {
				t.Errorf("error %v", err)
			}
			if got, _ := os.ReadFile(test.file.Path); string(got) != test.want {
				t.Errorf("contains %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzParseChanges(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00abc\x00"))
	f.Add([]byte("\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		news := parseChanges(b)
		for e := range news.written {
			if strings.ContainsRune(e.name, 0) {
				t.Errorf("%q", e.name)
			}
		}
	})
}
