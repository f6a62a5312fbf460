//go:build !purego

#include "textflag.h"

// UTF-8 validation by table lookup, 32 bytes at a time, after John Keiser and Daniel Lemire, "Validating UTF-8 In Less
// Than One Instruction Per Byte", Software: Practice and Experience 51 (2021), https://arxiv.org/abs/2010.03090.
//
// A byte and the one before it show every error but one, and three of their four half bytes (nibbles) are enough to
// tell which. So three tables of 16 entries, one for each of these nibbles, hold a set of errors that the nibble allows;
// what is in all three sets has happened. A set is a byte with one bit for each kind of error:

#define TOO_SHORT  1   // a first byte of several, followed by a byte that is no continuation
#define TOO_LONG   2   // an ASCII byte, followed by a continuation
#define OVERLONG_3 4   // E0, followed by 80..9F
#define TOO_LARGE  8   // F4 or above, followed by 90..BF
#define SURROGATE  16  // ED, followed by A0..BF
#define OVERLONG_2 32  // C0 or C1, followed by a continuation
#define OVERLONG_4 64  // F0, or (too large) F5 and above, followed by 80..8F
#define TWO_CONTS  128 // two continuations: right only as the last bytes of a sequence of three or four

// ANY is for a low nibble of the earlier byte that is of no account.
#define ANY (TOO_SHORT | TOO_LONG | TWO_CONTS)

// CONT is common to every continuation.
#define CONT (TOO_LONG | OVERLONG_2 | TWO_CONTS)

// By the high nibble of the earlier byte.
DATA earlierHigh<>+0(SB)/4, $(TOO_LONG * 0x01010101)
DATA earlierHigh<>+4(SB)/4, $(TOO_LONG * 0x01010101)
DATA earlierHigh<>+8(SB)/4, $(TWO_CONTS * 0x01010101)
DATA earlierHigh<>+12(SB)/1, $(TOO_SHORT | OVERLONG_2)
DATA earlierHigh<>+13(SB)/1, $(TOO_SHORT)
DATA earlierHigh<>+14(SB)/1, $(TOO_SHORT | OVERLONG_3 | SURROGATE)
DATA earlierHigh<>+15(SB)/1, $(TOO_SHORT | TOO_LARGE | OVERLONG_4)
GLOBL earlierHigh<>(SB), RODATA|NOPTR, $16

// By the low nibble of the earlier byte.
DATA earlierLow<>+0(SB)/1, $(ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4)
DATA earlierLow<>+1(SB)/1, $(ANY | OVERLONG_2)
DATA earlierLow<>+2(SB)/1, $(ANY)
DATA earlierLow<>+3(SB)/1, $(ANY)
DATA earlierLow<>+4(SB)/1, $(ANY | TOO_LARGE)
DATA earlierLow<>+5(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4)
DATA earlierLow<>+6(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4)
DATA earlierLow<>+7(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4)
DATA earlierLow<>+8(SB)/4, $((ANY | TOO_LARGE | OVERLONG_4) * 0x01010101)
DATA earlierLow<>+12(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4)
DATA earlierLow<>+13(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4 | SURROGATE)
DATA earlierLow<>+14(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4)
DATA earlierLow<>+15(SB)/1, $(ANY | TOO_LARGE | OVERLONG_4)
GLOBL earlierLow<>(SB), RODATA|NOPTR, $16

// By the high nibble of the byte itself.
DATA laterHigh<>+0(SB)/4, $(TOO_SHORT * 0x01010101)
DATA laterHigh<>+4(SB)/4, $(TOO_SHORT * 0x01010101)
DATA laterHigh<>+8(SB)/1, $(CONT | OVERLONG_3 | OVERLONG_4)
DATA laterHigh<>+9(SB)/1, $(CONT | OVERLONG_3 | TOO_LARGE)
DATA laterHigh<>+10(SB)/1, $(CONT | SURROGATE | TOO_LARGE)
DATA laterHigh<>+11(SB)/1, $(CONT | SURROGATE | TOO_LARGE)
DATA laterHigh<>+12(SB)/4, $(TOO_SHORT * 0x01010101)
GLOBL laterHigh<>(SB), RODATA|NOPTR, $16

// The low nibble of each byte; what saturating subtraction leaves with its top bit set only from E0, or F0, upwards;
// and the top bit, which is TWO_CONTS.
DATA bytes<>+0(SB)/4, $0x0f0f0f0f
DATA bytes<>+4(SB)/4, $0x60606060
DATA bytes<>+8(SB)/4, $0x70707070
DATA bytes<>+12(SB)/4, $0x80808080
GLOBL bytes<>(SB), RODATA|NOPTR, $16

// CONSTANTS loads what stays the same: the tables, into both halves of Y15, Y14 and Y13, and the bytes, into Y12 to Y9.
// Y8 holds all errors so far.
#define CONSTANTS \
	VBROADCASTI128 earlierHigh<>(SB), Y15 \
	VBROADCASTI128 earlierLow<>(SB), Y14  \
	VBROADCASTI128 laterHigh<>(SB), Y13   \
	VPBROADCASTD   bytes<>+0(SB), Y12     \
	VPBROADCASTD   bytes<>+4(SB), Y11     \
	VPBROADCASTD   bytes<>+8(SB), Y10     \
	VPBROADCASTD   bytes<>+12(SB), Y9     \
	VPXOR          Y8, Y8, Y8

// CHECK adds the errors of 32 bytes, in b0, to Y8. b1, b2 and b3 are the bytes one, two and three places earlier. A byte
// must be the second of two continuations exactly if it stands two after a byte of E0 or more, or three after one
// of F0 or more: that is the one thing which the tables cannot know, so it is turned over in their result. b0 to b3 are overwritten.
#define CHECK(b0, b1, b2, b3, t) \
	VPSRLW   $4, b1, t      \
	VPAND    Y12, t, t      \
	VPSHUFB  t, Y15, t      \
	VPAND    Y12, b1, b1    \
	VPSHUFB  b1, Y14, b1    \
	VPAND    t, b1, b1      \
	VPSRLW   $4, b0, b0     \
	VPAND    Y12, b0, b0    \
	VPSHUFB  b0, Y13, b0    \
	VPAND    b0, b1, b1     \
	VPSUBUSB Y11, b2, b2    \
	VPSUBUSB Y10, b3, b3    \
	VPOR     b2, b3, b3     \
	VPAND    Y9, b3, b3     \
	VPXOR    b1, b3, b3     \
	VPOR     b3, Y8, Y8

// ASCII jumps to no unless all 32 bytes in b are ASCII.
#define ASCII(b, no) \
	VPMOVMSKB b, DX  \
	TESTL     DX, DX \
	JNZ       no

// func utf8AVX2(p *byte, n int) bool
//
// Every block loads the bytes before it once more, which is cheaper than to shift two registers into each other. Only the
// first block has none; it takes zeros instead.
TEXT ·utf8AVX2(SB), NOSPLIT, $0-17
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX
	LEAQ (AX)(CX*1), BX // the end
	LEAQ -64(BX), SI    // the last place where 64 bytes begin
	CMPQ CX, $64
	JB   short

	// As long as there is nothing but ASCII, nothing else is needed.
plain:
	VMOVDQU (AX), Y0
	VPOR    32(AX), Y0, Y0
	ASCII(Y0, begin)
	ADDQ    $64, AX
	CMPQ    AX, SI
	JLS     plain
	VMOVDQU (SI), Y0
	VPOR    32(SI), Y0, Y0
	ASCII(Y0, begin)
	MOVB    $1, ret+16(FP)
	VZEROUPPER
	RET

short:
	VMOVDQU (AX), Y0
	VPOR    -32(BX), Y0, Y0
	ASCII(Y0, begin)
	MOVB    $1, ret+16(FP)
	VZEROUPPER
	RET

begin:
	CONSTANTS
	CMPQ AX, p+0(FP)
	JNE  more

	VMOVDQU    (AX), Y0
	VPERM2I128 $0x08, Y0, Y0, Y4 // zeros, then the lower half
	VPALIGNR   $15, Y4, Y0, Y1
	VPALIGNR   $14, Y4, Y0, Y2
	VPALIGNR   $13, Y4, Y0, Y3
	CHECK(Y0, Y1, Y2, Y3, Y4)
	ADDQ       $32, AX

more:
	CMPQ AX, SI
	JHI  rest

text:
	VMOVDQU (AX), Y0
	VMOVDQU 32(AX), Y5
	VPOR    Y0, Y5, Y7
	VMOVDQU -1(AX), Y1
	VMOVDQU -2(AX), Y2
	VMOVDQU -3(AX), Y3
	CHECK(Y0, Y1, Y2, Y3, Y4)
	VMOVDQU 31(AX), Y1
	VMOVDQU 30(AX), Y2
	VMOVDQU 29(AX), Y3
	CHECK(Y5, Y1, Y2, Y3, Y4)
	ADDQ    $64, AX
	CMPQ    AX, SI
	JHI     rest
	ASCII(Y7, text)

	// The last 64 bytes were ASCII and did not end inside a sequence, so what is ASCII after them needs no check.
ascii:
	VMOVDQU (AX), Y0
	VPOR    32(AX), Y0, Y0
	ASCII(Y0, text)
	ADDQ    $64, AX
	CMPQ    AX, SI
	JLS     ascii

	// 0 to 63 bytes: at most one block, and one that ends at the end, of which a part may be checked twice.
rest:
	LEAQ    32(AX), DX
	CMPQ    DX, BX
	JHI     last
	VMOVDQU (AX), Y0
	VMOVDQU -1(AX), Y1
	VMOVDQU -2(AX), Y2
	VMOVDQU -3(AX), Y3
	CHECK(Y0, Y1, Y2, Y3, Y4)
	CMPQ    DX, BX
	JEQ     done

last:
	VMOVDQU -32(BX), Y0
	VMOVDQU -33(BX), Y1
	VMOVDQU -34(BX), Y2
	VMOVDQU -35(BX), Y3
	CHECK(Y0, Y1, Y2, Y3, Y4)

done:
	VPTEST Y8, Y8
	SETEQ  ret+16(FP)
	VZEROUPPER
	RET
