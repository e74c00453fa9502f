package track

import "testing"

func TestEffectivePriority(t *testing.T) {
	tests := []struct {
		name    string
		base    int
		weights []Weight
		want    int
	}{
		{"nothing tracked", 100, nil, 100},
		{"positive weight counts while up", 100, []Weight{{Value: 20, State: Up}}, 120},
		{"positive weight while down", 100, []Weight{{Value: 20, State: Down}}, 100},
		{"negative weight counts while down", 100, []Weight{{Value: -20, State: Down}}, 80},
		{"negative weight while up", 100, []Weight{{Value: -20, State: Up}}, 100},
		{"positive reversed while up", 100, []Weight{{Value: 20, Reverse: true, State: Up}}, 80},
		{"positive reversed while down", 100, []Weight{{Value: 20, Reverse: true, State: Down}}, 100},
		{"negative reversed while down", 100, []Weight{{Value: -20, Reverse: true, State: Down}}, 120},
		{"unknown counts nothing", 100, []Weight{{Value: 20}, {Value: -20}}, 100},
		{"fault is no weight", 100, []Weight{{State: Down}}, 100},
		{"sum", 100, []Weight{{Value: 20, State: Up}, {Value: -30, State: Down}}, 90},
		{"at most 254", 200, []Weight{{Value: 100, State: Up}}, 254},
		{"at least 1", 50, []Weight{{Value: -100, State: Down}}, 1},
		{"bounds are applied to the sum", 200, []Weight{{Value: 100, State: Up}, {Value: -100, State: Down}}, 200},
		{"owner stays", 255, []Weight{{Value: -100, State: Down}}, 255},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := EffectivePriority(test.base, test.weights...); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestOnlyWeightZeroIsAFaultOrHoldsTheRouter(t *testing.T) {
	tests := []struct {
		weight         Weight
		fault, pending bool
	}{
		{Weight{State: Unknown}, false, true},
		{Weight{State: Up}, false, false},
		{Weight{State: Down}, true, false},
		{Weight{Reverse: true, State: Unknown}, false, true},
		{Weight{Reverse: true, State: Up}, true, false},
		{Weight{Reverse: true, State: Down}, false, false},
		{Weight{Value: -1, State: Down}, false, false},
		{Weight{Value: 1, Reverse: true, State: Up}, false, false},
		{Weight{Value: 1, State: Unknown}, false, false},
	}
	for _, test := range tests {
		if fault, pending := test.weight.Fault(), test.weight.Pending(); fault != test.fault || pending != test.pending {
			t.Errorf("%+v: fault %v, pending %v; want %v, %v", test.weight, fault, pending, test.fault, test.pending)
		}
	}
}

func TestWeightOfAFile(t *testing.T) {
	tests := []struct {
		value      int
		reverse    bool
		number     int
		adjustment int
		fault      bool
	}{
		{1, false, 0, 0, false},
		{1, false, -20, -20, false},
		{2, false, 20, 40, false},
		{2, true, 20, -40, false},
		{1, false, 254, 253, false},
		{1, false, -253, -253, false},
		{1, false, -254, -253, true},
		{-254, false, 1, -253, true},
		{254, true, 1, -253, true},
		{254, false, 1, 253, false},
		{254, false, 1 << 31, 253, false},
		{-254, false, 1 << 31, -253, true},
		{0, false, 0, 0, false},
		{0, false, 1, 0, true},
		{0, false, -1, 0, true},
		{0, true, 0, 0, true},
		{0, true, 1, 0, false},
	}
	for _, test := range tests {
		w := Weight{Value: test.value, Reverse: test.reverse, State: Up, Number: &test.number}
		if a, f := w.adjustment(), w.Fault(); a != test.adjustment || f != test.fault || w.Pending() {
			t.Errorf("%d times %d, reverse %t: adds %d, fault %t; want %d, %t",
				test.number, test.value, test.reverse, a, f, test.adjustment, test.fault)
		}
	}
}
