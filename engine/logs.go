package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/libs/log"
)

type level int

const (
	levelDebug level = iota
	levelInfo
	levelWarn
)

func (l level) String() string { return [...]string{"debug", "info", "warn"}[l] }

func parseLevel(name string) level {
	for l := levelDebug; l <= levelWarn; l++ {
		if l.String() == name {
			return l
		}
	}
	return levelInfo
}

const (
	logsPerSecond  = 50
	logsAtOnce     = 200
	maxFieldLength = 2000
)

// rate bounds the logs of a chain.
type rate struct {
	mu      sync.Mutex
	allowed float64
	last    time.Time
}

func (r *rate) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.allowed = min(logsAtOnce, r.allowed+now.Sub(r.last).Seconds()*logsPerSecond)
	r.last = now
	if r.allowed < 1 {
		return false
	}
	r.allowed--
	return true
}

// logger folds the engine's log into events. What the engine calls information is chatter, what it calls an error is
// mostly a peer that went away; what ends a chain comes as an event "failed" instead.
type logger struct {
	output *output
	chain  string
	rate   *rate
	fields []any
	notice func(message string, fields []any) // of everything that is not chatter
}

var _ log.Logger = (*logger)(nil)

func (l *logger) With(fields ...any) log.Logger {
	copied := *l
	copied.fields = append(append([]any{}, l.fields...), fields...)
	return &copied
}

func (l *logger) Debug(string, ...any) {}

func (l *logger) Info(message string, fields ...any) { l.write(levelDebug, message, fields) }

func (l *logger) Warn(message string, fields ...any) { l.write(levelWarn, message, fields) }

func (l *logger) Error(message string, fields ...any) {
	if l.notice != nil {
		l.notice(message, fields)
	}
	at := levelWarn
	if field(l.fields, "module") == "p2p" {
		at = levelDebug
	}
	l.write(at, message, fields)
}

func field(fields []any, name string) string {
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == name {
			return fmt.Sprint(fields[i+1])
		}
	}
	return ""
}

func (l *logger) write(at level, message string, fields []any) {
	if at < l.output.level {
		return
	}
	if !l.rate.take() {
		l.output.dropped.Add(1)
		return
	}
	told := map[string]string{}
	for _, list := range [][]any{l.fields, fields} {
		for i := 0; i+1 < len(list); i += 2 {
			value := fmt.Sprint(list[i+1])
			if len(value) > maxFieldLength {
				value = strings.ToValidUTF8(value[:maxFieldLength], "") + "…"
			}
			told[fmt.Sprint(list[i])] = value
		}
	}
	l.output.log(map[string]any{
		"event": "log", "level": at.String(), "chain": l.chain, "message": strings.TrimSpace(message), "fields": told,
	})
}
