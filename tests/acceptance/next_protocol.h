#pragma once
// Included before all else in what is compiled for the release after this one (CMakeLists.txt): there the
// chains are given one version of the protocol more than this one knows.
#include "format/protocol.h"
#define kNewestProtocol kNewestProtocol + 1
