// The compiler takes functions without bodies, such as mask_test.go declares, only beside assembly.
