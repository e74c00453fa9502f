package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrStale means that the source is not what the mutant changes any more.
var ErrStale = errors.New("the text is not in the file exactly once")

// Build makes the program of vipd with the mutant in it, in the directory, which
// it makes; root is that of the module. Without edits it is vipd as it is.
func (m Mutant) Build(ctx context.Context, root, directory string) (program string, err error) {
	changed, err := m.Changed(root)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range changed {
		laid := filepath.Join(directory, strings.ReplaceAll(path, "/", "-"))
		if err := os.WriteFile(laid, []byte(text), 0o644); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, path)] = laid
	}
	description, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(directory, "overlay.json")
	if err := os.WriteFile(file, description, 0o644); err != nil {
		return "", err
	}
	program = filepath.Join(directory, "vipd") // its processes are known by that name
	build := exec.CommandContext(ctx, "go", "build", "-overlay", file, "-o", program, "./cmd/vipd")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build mutant %s: %w\n%s", m.Name, err, output)
	}
	return program, nil
}
