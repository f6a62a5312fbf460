//go:build !purego

#include "textflag.h"

// func maskAVX2(p *byte, n int, key uint32)
//
// The first and the last 32 bytes are masked in registers, and stored at the very end over what the loops between them
// have done to the same bytes: thus no byte needs treatment by itself, and the loops can store to aligned addresses.
TEXT ·maskAVX2(SB), NOSPLIT, $0-20
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX
	MOVL key+16(FP), DX
	LEAQ (AX)(CX*1), BX // the end

	VMOVD        DX, X0
	VPBROADCASTD X0, Y0
	VPXOR        (AX), Y0, Y1 // the first 32 bytes

	// The last 32 begin where n%4 bytes of the key are used up.
	MOVL         DX, R8
	SHLL         $3, CX
	RORL         CX, R8
	VMOVD        R8, X0
	VPBROADCASTD X0, Y0
	VPXOR        -32(BX), Y0, Y2

	// On to the next multiple of 32, with the key turned accordingly.
	MOVQ         AX, DI
	ADDQ         $32, DI
	ANDQ         $~31, DI
	MOVL         DI, CX
	SUBL         AX, CX
	SHLL         $3, CX
	RORL         CX, DX
	VMOVD        DX, X0
	VPBROADCASTD X0, Y0

	LEAQ -128(BX), SI
	CMPQ DI, SI
	JHI  less

wide:
	VPXOR   (DI), Y0, Y3
	VPXOR   32(DI), Y0, Y4
	VPXOR   64(DI), Y0, Y5
	VPXOR   96(DI), Y0, Y6
	VMOVDQA Y3, (DI)
	VMOVDQA Y4, 32(DI)
	VMOVDQA Y5, 64(DI)
	VMOVDQA Y6, 96(DI)
	ADDQ    $128, DI
	CMPQ    DI, SI
	JLS     wide

less:
	LEAQ -32(BX), SI
	CMPQ DI, SI
	JHI  ends

narrow:
	VPXOR   (DI), Y0, Y3
	VMOVDQA Y3, (DI)
	ADDQ    $32, DI
	CMPQ    DI, SI
	JLS     narrow

ends:
	VMOVDQU Y1, (AX)
	VMOVDQU Y2, -32(BX)
	VZEROUPPER
	RET
