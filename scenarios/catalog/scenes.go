package catalog

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"takeover/scenarios/scene"
)

//go:embed *.scenario.yaml
var sceneFiles embed.FS

// Scenes are the names of the scenarios that come with the program, sorted.
func Scenes() []string {
	entries, err := sceneFiles.ReadDir(".")
	if err != nil {
		panic(err) // embedded above
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), scene.Suffix))
	}
	slices.Sort(names)
	return names
}

// Scene reads the scenario of that name.
func Scene(name string) (scene.Scene, error) {
	text, err := sceneFiles.ReadFile(name + scene.Suffix)
	if err != nil {
		return scene.Scene{}, fmt.Errorf("no scenario is called %q%s; takeover run --list names them", name, scene.Nearest(name, Scenes()))
	}
	return scene.Parse(name+scene.Suffix, text)
}
