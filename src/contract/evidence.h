#pragma once
#include "contract/engine.h"

namespace chengxin::contract {

// Whether a .cxproof bundle (docs/formats/cxproof.md) shows that the digest was recorded on the frame's
// chain. The same on every node: a bundle that follows a later version of the protocol than the block shows
// nothing, and a time-stamp in it is not looked at.
bool proves(const FrameContext& frame, const Digest& digest, ByteView bundle);

}  // namespace chengxin::contract
