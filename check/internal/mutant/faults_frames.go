package mutant

// Faults in frames: RFC 6455 §5.
const (
	acceptsNonMinimal16     Fault = "accepts-non-minimal-16"
	acceptsNonMinimal64     Fault = "accepts-non-minimal-64"
	ignoresTopBit           Fault = "ignores-top-bit"
	acceptsUnmasked         Fault = "accepts-unmasked"
	acceptsMasked           Fault = "accepts-masked"
	ignoresRSV1             Fault = "ignores-rsv1"
	ignoresRSV2             Fault = "ignores-rsv2"
	ignoresRSV3             Fault = "ignores-rsv3"
	acceptsReservedData     Fault = "accepts-reserved-data-opcodes"
	acceptsReservedControl  Fault = "accepts-reserved-control-opcodes"
	acceptsFragmentedPing   Fault = "accepts-fragmented-control"
	acceptsLongControl      Fault = "accepts-long-control"
	acceptsLoneContinuation Fault = "accepts-lone-continuation"
	acceptsInterleaved      Fault = "accepts-interleaved-messages"
	sendsMasked             Fault = "sends-masked"
	sendsUnmasked           Fault = "sends-unmasked"
	sendsNonMinimal         Fault = "sends-non-minimal-lengths"
	sendsSameKey            Fault = "sends-same-masking-key"
	sendsZeroKey            Fault = "sends-zero-masking-key"
	noMessageLimit          Fault = "no-message-limit"
)

var framingFaults = []description{
	{acceptsNonMinimal16, "", "It takes lengths below 126 that are written in 16 bits."},
	{acceptsNonMinimal64, "", "It takes lengths below 65536 that are written in 64 bits."},
	{ignoresTopBit, "", "It reads a 64-bit length without its most significant bit."},
	{acceptsUnmasked, RoleServer, "It takes frames without a mask."},
	{acceptsMasked, RoleClient, "It takes frames with a mask."},
	{ignoresRSV1, "", "It takes RSV1 where it means nothing."},
	{ignoresRSV2, "", "It takes RSV2."},
	{ignoresRSV3, "", "It takes RSV3."},
	{acceptsReservedData, "", "It takes the opcodes 3 to 7 for binary messages."},
	{acceptsReservedControl, "", "It skips control frames with the opcodes 11 to 15."},
	{acceptsFragmentedPing, "", "It takes control frames without FIN."},
	{acceptsLongControl, "", "It takes control frames with more than 125 bytes."},
	{acceptsLoneContinuation, "", "It takes a continuation that continues nothing for a binary message."},
	{acceptsInterleaved, "", "It takes a new message before the end of the one that is open, as a part of it."},
	{sendsMasked, RoleServer, "It masks its frames."},
	{sendsUnmasked, RoleClient, "It does not mask its frames."},
	{sendsNonMinimal, "", "It writes all lengths in 64 bits."},
	{sendsSameKey, RoleClient, "It masks all its frames with the same key."},
	{sendsZeroKey, RoleClient, "It masks all its frames with a key of zeros."},
	{noMessageLimit, "", "It has no limit on the size of a message and waits for whatever is declared."},
}

// Faults in what becomes of messages and of control frames: RFC 6455 §5.4 to §5.6.
const (
	neverPongs        Fault = "never-pongs"
	sendsEmptyPongs   Fault = "sends-empty-pongs"
	sendsWrongPongs   Fault = "sends-wrong-pongs"
	sendsPongsTwice   Fault = "sends-pongs-twice"
	fragmentsPongs    Fault = "fragments-pongs"
	answersPongs      Fault = "answers-pongs"
	defersPongs       Fault = "defers-pongs"
	pingEndsMessage   Fault = "ping-ends-message"
	alwaysBinary      Fault = "always-binary"
	truncatesMessages Fault = "truncates-messages"
	dropsEmpty        Fault = "drops-empty-messages"
	reordersMessages  Fault = "reorders-messages"
	dropsEmptyFrames  Fault = "ends-message-at-empty-fragment"
)

var messageFaults = []description{
	{neverPongs, "", "It never answers a ping."},
	{sendsEmptyPongs, "", "Its pongs have no payload."},
	{sendsWrongPongs, "", "Its pongs have another payload than the ping."},
	{sendsPongsTwice, "", "It answers every ping with two pongs."},
	{fragmentsPongs, "", "It sends its pongs in two fragments."},
	{answersPongs, "", "It answers pongs with pongs."},
	{defersPongs, "", "It answers pings between the fragments of a message only after the message."},
	{pingEndsMessage, "", "It forgets the fragments that came before a ping."},
	{alwaysBinary, "", "It echoes text as binary."},
	{truncatesMessages, "", "It echoes no more than the first 65535 bytes of a message."},
	{dropsEmpty, "", "It does not echo empty messages."},
	{reordersMessages, "", "It echoes messages that came together the last one first."},
	{dropsEmptyFrames, "", "It takes an empty fragment for the end of the message, and skips the rest."},
}

// Faults in UTF-8: RFC 6455 §8.1 and RFC 3629.
const (
	skipsUTF8         Fault = "skips-utf8"
	checksEachFrame   Fault = "checks-utf8-of-each-frame"
	checksLate        Fault = "checks-utf8-late"
	checksFrameEnds   Fault = "checks-utf8-at-frame-ends"
	acceptsSurrogates Fault = "accepts-surrogates"
	acceptsOverlong   Fault = "accepts-overlong"
	acceptsBeyond     Fault = "accepts-beyond-10ffff"
	acceptsTruncated  Fault = "accepts-truncated-utf8"
	refusesNonChars   Fault = "refuses-noncharacters"
	checksBinary      Fault = "checks-utf8-of-binary"
	wrongCodeForText  Fault = "wrong-code-for-utf8"
)

var textFaults = []description{
	{skipsUTF8, "", "It takes any bytes for text."},
	{checksEachFrame, "", "It demands that each fragment of a text is UTF-8 by itself."},
	{checksLate, "", "It checks that a text is UTF-8 only when it has all of it."},
	{checksFrameEnds, "", "It checks that a text is UTF-8 when it has a whole frame."},
	{acceptsSurrogates, "", "It takes encoded surrogates for UTF-8."},
	{acceptsOverlong, "", "It takes overlong forms for UTF-8."},
	{acceptsBeyond, "", "It takes code points beyond U+10FFFF, and sequences of five and six bytes, for UTF-8."},
	{acceptsTruncated, "", "It takes a text that ends inside a character."},
	{refusesNonChars, "", "It refuses the noncharacters U+FFFE and U+FFFF, which are valid in UTF-8."},
	{checksBinary, "", "It demands that binary messages are UTF-8."},
	{wrongCodeForText, "", "It closes with 1002 after text that is not UTF-8."},
}

// Faults in closing: RFC 6455 §5.5.1 and §7.
const (
	neverEchoesClose    Fault = "never-echoes-close"
	echoesWrongCode     Fault = "echoes-wrong-code"
	sends1005           Fault = "sends-1005"
	closesTwice         Fault = "sends-close-twice"
	failsWith1000       Fault = "fails-with-1000"
	failsWith1011       Fault = "fails-with-1011"
	failsSilently       Fault = "fails-without-close"
	acceptsOneByteClose Fault = "accepts-one-byte-close"
	acceptsBadCodes     Fault = "accepts-bad-close-codes"
	refusesAppCodes     Fault = "refuses-application-codes"
	acceptsBadReason    Fault = "accepts-bad-close-reason"
	goesOnAfterClose    Fault = "goes-on-after-close"
	staysAfterClose     Fault = "stays-after-close"
	goesOnAfterFailure  Fault = "goes-on-after-failure"
)

var closeFaults = []description{
	{neverEchoesClose, "", "It ends the connection without answering a close frame."},
	{echoesWrongCode, "", "It answers every close frame with 1001."},
	{sends1005, "", "It answers a close frame without a code with 1005."},
	{closesTwice, "", "It answers a close frame with two."},
	{failsWith1000, "", "It closes with 1000 after a violation of the protocol."},
	{failsWith1011, "", "It closes with 1011 after a violation of the protocol."},
	{failsSilently, "", "It ends the connection without a close frame after a violation of the protocol."},
	{acceptsOneByteClose, "", "It takes a close frame with one byte for one without a code."},
	{acceptsBadCodes, "", "It takes any close code."},
	{refusesAppCodes, "", "It refuses the close codes from 3000 to 4999."},
	{acceptsBadReason, "", "It takes a close frame whose reason is not UTF-8."},
	{goesOnAfterClose, "", "It answers a close frame and goes on to echo and to answer pings."},
	{staysAfterClose, RoleServer, "It answers a close frame but does not end the connection."},
	{goesOnAfterFailure, "", "It sends a close frame after a violation of the protocol and goes on to echo."},
}
