#pragma once
#include "pack/grammar.h"

// The tables of the grammar.
namespace chengxin::pack {

const Shape& pack_shape();
const Shape& entity_shape();
const Shape& dictionary_shape();
const Shape& texts_shape();
const Shape& decision_shape();
const Shape& view_shape();
const Shape& process_shape();
const Shape& calendar_shape();

// What several tables use.
const Shape& text_shape();
const Shape& name_shape();
const Shape& rule_shape();
const Shape& flag_shape();
const Shape& date_shape();
const Shape& titles_shape();
const Shape& names_shape();  // a list of names

}  // namespace chengxin::pack
