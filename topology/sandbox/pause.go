package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// pauseFile is the program that a host's process 1 becomes, in the host's own
// /run.
const pauseFile = "/run/takeover/init"

// pauseCode is, for each kind of machine, a loop around a system call that
// waits for ever: pause(2), or ppoll(2) with the registers 0 that a program
// begins with.
var pauseCode = map[string][]byte{
	"amd64": {
		0xb8, 34, 0, 0, 0, // mov eax, SYS_pause
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp to the first
	},
	"arm64": {
		0x28, 0x09, 0x80, 0xd2, // mov x8, SYS_ppoll
		0x01, 0x00, 0x00, 0xd4, // svc 0
		0xfe, 0xff, 0xff, 0x17, // b to the first
	},
}

// elfMachines are what elf(5) calls these kinds.
var elfMachines = map[string]uint16{"amd64": 62, "arm64": 183}

// elfHeader is an executable's header and that of its only segment (elf(5),
// Elf64_Ehdr and Elf64_Phdr).
type elfHeader struct {
	Ident                              [16]byte
	Type, Machine                      uint16
	Version                            uint32
	Entry, Segments, Sections          uint64
	Flags                              uint32
	Size, SegmentSize, SegmentCount    uint16
	SectionSize, SectionCount, Strings uint16

	Kind, Access                    uint32
	Offset, Address, Physical       uint64
	FileSize, MemorySize, Alignment uint64
}

// pauseProgram is an executable of one page that does nothing for ever; empty
// where nobody wrote its code.
func pauseProgram(machine string) []byte {
	code := pauseCode[machine]
	if code == nil {
		return nil
	}
	const (
		base     = 0x400000
		readable = 4
		runnable = 1
	)
	h := elfHeader{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, // 64 bits, little-endian, version 1
		Type:  2, Machine: elfMachines[machine], Version: 1,
		Segments: 64, Size: 64, SegmentSize: 56, SegmentCount: 1,
		Kind: 1, Access: readable | runnable, Address: base, Physical: base, Alignment: 0x10000,
	}
	header := uint64(binary.Size(h))
	h.Entry = base + header
	h.FileSize = header + uint64(len(code))
	h.MemorySize = h.FileSize
	var program bytes.Buffer
	// A buffer takes all that is written to it.
	binary.Write(&program, binary.LittleEndian, h) //nolint:errcheck // see above
	program.Write(code)
	return program.Bytes()
}

// becomePause makes this process one that waits for ever with a page of memory
// of its own. It returns an error only.
func becomePause(name string) error {
	program := pauseProgram(runtime.GOARCH)
	if program == nil {
		return fmt.Errorf("no program that waits is known for %s", runtime.GOARCH)
	}
	err := errors.Join(os.MkdirAll(filepath.Dir(pauseFile), 0o755), os.WriteFile(pauseFile, program, 0o755))
	if err != nil {
		return err
	}
	return os.NewSyscallError("exec "+pauseFile, unix.Exec(pauseFile, []string{rolePrefix + initRole, name}, nil))
}
