#pragma once

// SM4 (GB/T 32907-2016) of many counter blocks at once: sixteen to a register of AVX-512. The S-box is SM4's
// inversion in its own field, done in AES's field by the instructions of GFNI between two affine maps that go
// there and back; no table is read, so the time depends on lengths alone. Tongsuo's GCM counts with it where
// the processor can (docs/adr/0025); elsewhere it goes on block by block.
namespace chengxin::crypto {

// From now on Tongsuo's SM4-GCM uses it, if this processor can. Before the first key is set; any number of
// calls.
void install_sm4_lanes();

}  // namespace chengxin::crypto
