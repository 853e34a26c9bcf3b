package main

import (
	"errors"
	"fmt"
)

// failure is an error with the stable key that the other side of the conversation knows.
type failure struct {
	reason, detail string
}

func (f *failure) Error() string { return f.reason + ": " + f.detail }

func fail(reason, format string, args ...any) error {
	return &failure{reason, fmt.Sprintf(format, args...)}
}

// asFailure gives an error of a library the key.
func asFailure(err error, reason string) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	return &failure{reason, err.Error()}
}

// guard turns a panic of the engine into an error.
func guard(reason string, work func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fail(reason, "%v", panicked)
		}
	}()
	if err := work(); err != nil {
		return asFailure(err, reason)
	}
	return nil
}
