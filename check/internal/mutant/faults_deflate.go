package mutant

// Faults in compression: RFC 7692.
const (
	compressesControl     Fault = "compresses-control"
	repeatsRSV1           Fault = "sends-rsv1-on-continuations"
	ignoresWindow         Fault = "ignores-window"
	ignoresNoTakeover     Fault = "ignores-no-context-takeover"
	forgetsWindow         Fault = "forgets-window"
	acceptsBits16         Fault = "accepts-window-bits-16"
	acceptsBits09         Fault = "accepts-window-bits-09"
	acceptsDuplicateParam Fault = "accepts-duplicate-parameter"
	acceptsUnknownParam   Fault = "accepts-unknown-parameter"
	acceptsValuedFlag     Fault = "accepts-valued-flag"
	answersClientBits     Fault = "answers-unoffered-client-bits"
	stopsAtFirstOffer     Fault = "stops-at-first-offer"
	forgetsNoTakeover     Fault = "forgets-to-answer-no-context-takeover"
	forgetsServerBits     Fault = "forgets-to-answer-server-bits"
	controlEntersWindow   Fault = "control-enters-window"
	failsOnFinalBlock     Fault = "fails-on-final-block"
	stopsAtFirstBlock     Fault = "stops-at-first-block"
	noInflateLimit        Fault = "no-inflate-limit"
	acceptsCorruptDeflate Fault = "accepts-corrupt-deflate"
	marksUncompressed     Fault = "marks-uncompressed-messages"
	skipsInflatedUTF8     Fault = "skips-inflated-utf8"
	inflatesAll           Fault = "inflates-unmarked-messages"
	offersBits16          Fault = "offers-window-bits-16"
)

var deflateFaults = []description{
	{compressesControl, "", "It compresses its pongs and sets their RSV1."},
	{repeatsRSV1, "", "It sends compressed messages in two fragments and sets RSV1 on both."},
	{ignoresWindow, "", "It compresses with a window of 32 KiB, whatever was agreed."},
	{ignoresNoTakeover, "", "It keeps its window from message to message, whatever was agreed."},
	{forgetsWindow, "", "It inflates every message with an empty window, whatever was agreed."},
	{acceptsBits16, "", "It takes windows of 16 bits."},
	{acceptsBits09, "", "It takes window bits with leading zeros."},
	{acceptsDuplicateParam, "", "It takes parameters of permessage-deflate that are repeated."},
	{acceptsUnknownParam, "", "It takes parameters of permessage-deflate that do not exist."},
	{acceptsValuedFlag, "", "It takes values for the parameters that have none."},
	{answersClientBits, RoleServer, "It answers with client_max_window_bits to offers without it."},
	{stopsAtFirstOffer, RoleServer, "It looks at no offer of permessage-deflate but the first."},
	{forgetsNoTakeover, RoleServer, "It does not answer server_no_context_takeover, and keeps its window."},
	{forgetsServerBits, RoleServer, "It does not answer server_max_window_bits, and takes 32 KiB."},
	{controlEntersWindow, "", "It takes the payloads of control frames into the windows."},
	{failsOnFinalBlock, "", "It fails when a message has a block with BFINAL."},
	{stopsAtFirstBlock, "", "It inflates no more than the first block of a message."},
	{noInflateLimit, "", "It has no limit on the size of inflated messages."},
	{acceptsCorruptDeflate, "", "It echoes what it could inflate of a corrupt message."},
	{marksUncompressed, "", "It sets RSV1 on messages that it has not compressed."},
	{skipsInflatedUTF8, "", "It does not check that compressed text is UTF-8."},
	{inflatesAll, "", "It inflates all messages, those without RSV1, too."},
	{offersBits16, RoleClient, "It offers client_max_window_bits=16."},
}
