package ws

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Code is the status code of a close frame (RFC 6455 §7.4).
type Code uint16

// The close codes of RFC 6455 §7.4.1 and of the IANA registry. CodeNoStatus, CodeAbnormal and
// CodeTLSHandshake describe an end without a code: they are reported, never sent.
const (
	CodeNormal             Code = 1000 // the purpose of the connection is fulfilled
	CodeGoingAway          Code = 1001 // a server shuts down, or a browser leaves the page
	CodeProtocolError      Code = 1002 // the peer broke the protocol
	CodeUnsupportedData    Code = 1003 // a type of message that the endpoint does not take
	CodeNoStatus           Code = 1005 // the close frame held no code
	CodeAbnormal           Code = 1006 // the connection ended without a close frame
	CodeInvalidPayload     Code = 1007 // data that does not fit its type, such as text that is not UTF-8
	CodePolicyViolation    Code = 1008 // anything that no other code names
	CodeMessageTooBig      Code = 1009 // more than the receiver takes
	CodeMandatoryExtension Code = 1010 // the server did not agree to an extension that the client needs
	CodeInternalError      Code = 1011 // the server met a condition that it did not expect
	CodeServiceRestart     Code = 1012 // the server restarts; come back after a while
	CodeTryAgainLater      Code = 1013 // overload, or a gap: come back later
	CodeBadGateway         Code = 1014 // a gateway got an invalid answer
	CodeTLSHandshake       Code = 1015 // the TLS handshake failed
)

var codeNames = map[Code]string{
	CodeNormal:             "normal closure",
	CodeGoingAway:          "going away",
	CodeProtocolError:      "protocol error",
	CodeUnsupportedData:    "unsupported data",
	CodeNoStatus:           "no status received",
	CodeAbnormal:           "abnormal closure",
	CodeInvalidPayload:     "invalid payload",
	CodePolicyViolation:    "policy violation",
	CodeMessageTooBig:      "message too big",
	CodeMandatoryExtension: "mandatory extension",
	CodeInternalError:      "internal error",
	CodeServiceRestart:     "service restart",
	CodeTryAgainLater:      "try again later",
	CodeBadGateway:         "bad gateway",
	CodeTLSHandshake:       "TLS handshake failed",
}

// String returns the number and, where it has one, the name: "1000 (normal closure)".
func (c Code) String() string {
	s := strconv.Itoa(int(c))
	if name, ok := codeNames[c]; ok {
		s += " (" + name + ")"
	}
	return s
}

// sendable reports whether c may stand in a close frame (RFC 6455 §7.4.2). The same codes are legal to receive.
func (c Code) sendable() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// maxReason is what a close frame has left for the reason: 125 bytes less the two of the code (RFC 6455 §5.5.1).
const maxReason = 123

// closePayload encodes the body of a close frame. CodeNoStatus gives an empty one. A reason is made valid UTF-8
// and cut to 123 bytes between runes.
func closePayload(code Code, reason string) []byte {
	if code == CodeNoStatus {
		return nil
	}
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) > maxReason {
		cut := maxReason
		for !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	return append([]byte{byte(code >> 8), byte(code)}, reason...)
}

// parseClosePayload decodes the body of a received close frame, or says why it is illegal and with which code
// the connection must fail (RFC 6455 §5.5.1, §7.4).
func parseClosePayload(p []byte) (code Code, reason string, fail *CloseError) {
	if len(p) == 0 {
		return CodeNoStatus, "", nil
	}
	if len(p) == 1 {
		return 0, "", protocolError(CodeProtocolError, "close payload of one byte")
	}
	code = Code(p[0])<<8 | Code(p[1])
	if !code.sendable() {
		return 0, "", protocolError(CodeProtocolError, "illegal close code "+strconv.Itoa(int(code)))
	}
	if !utf8.Valid(p[2:]) {
		return 0, "", protocolError(CodeInvalidPayload, "close reason is not UTF-8")
	}
	return code, string(p[2:]), nil
}

// CloseError says how a connection ended. Every method of a Conn that fails because the connection is over
// returns one in its chain.
type CloseError struct {
	// Code is the close code: the peer's if Remote is set, else ours. CodeAbnormal stands for an end without a
	// close frame, CodeNoStatus for a close frame without a code.
	Code Code
	// Reason is the text that came or went with the code; for a protocol error it names the broken rule.
	Reason string
	// Remote reports that the peer ended the connection, by a close frame or by closing the stream.
	Remote bool
	// Err is the cause where there is one: a network error, ErrPingTimeout, a *LimitError.
	Err error
}

// Error describes the end in one line.
func (e *CloseError) Error() string {
	var b strings.Builder
	b.WriteString("ws: connection closed by ")
	if e.Remote {
		b.WriteString("the peer: ")
	} else {
		b.WriteString("this side: ")
	}
	b.WriteString(e.Code.String())
	if e.Reason != "" {
		b.WriteString(": ")
		b.WriteString(strconv.Quote(e.Reason))
	}
	if e.Err != nil && e.Err.Error() != e.Reason {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *CloseError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, net.ErrClosed) true: the connection is over.
func (e *CloseError) Is(target error) bool { return target == net.ErrClosed }

// CloseCode returns the code of the CloseError in err's chain, or 0 if there is none.
func CloseCode(err error) Code {
	var ce *CloseError
	if errors.As(err, &ce) {
		return ce.Code
	}
	return 0
}

// protocolError is a failure that this side found in what the peer sent.
func protocolError(code Code, reason string) *CloseError {
	return &CloseError{Code: code, Reason: reason}
}
