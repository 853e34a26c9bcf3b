#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/base64url.h"
#include "credential/sd_jwt.h"
#include "crypto/random.h"

// Hiding claims and putting them back (RFC 9901 sections 4.2 and 7.1).
namespace chengxin::credential {
namespace {

constexpr int kDepth = 24;

tl::unexpected<Error> bad_disclosure(std::string_view why) {
  return fail(Code::invalid_argument, "sd_jwt.disclosure", "{}", why);
}

bool is_reserved(std::string_view name) { return name == "_sd" || name == "..." || name == "_sd_alg"; }

// A null of the pattern stands for any place of an array.
bool matches(const ClaimPath& pattern, const ClaimPath& path) {
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i)
    if (pattern[i] != path[i] && !(pattern[i].is_null() && path[i].is_number())) return false;
  return true;
}
bool begins(const ClaimPath& pattern, const ClaimPath& path) {  // path is pattern or inside it
  return path.size() >= pattern.size() &&
         matches(pattern, ClaimPath(path.begin(), path.begin() + long(pattern.size())));
}

class Hiding {
 public:
  explicit Hiding(const Frame& frame) : frame_(frame) {}

  Result<Json> hide(const Json& value, ClaimPath& path) {
    if (value.is_object()) return hide_members(value, path);
    if (value.is_array()) return hide_elements(value, path);
    return value;
  }
  std::vector<std::string> disclosures;

 private:
  bool selective(const ClaimPath& path) const {
    return std::any_of(frame_.selective.begin(), frame_.selective.end(),
                       [&](const ClaimPath& pattern) { return matches(pattern, path); });
  }
  std::string disclose(Json content) {
    content.insert(content.begin(), base64url(crypto::random_bytes(16)));
    disclosures.push_back(base64url(content.dump()));
    return sd_digest(frame_.hash, disclosures.back());
  }

  Result<Json> hide_members(const Json& value, ClaimPath& path) {
    Json out = Json::object();
    std::vector<std::string> digests;
    for (auto& [name, member] : value.items()) {
      if (is_reserved(name)) return fail(Code::invalid_argument, "sd_jwt.claim", "a claim named {}", name);
      path.emplace_back(name);
      ASSIGN(Json hidden, hide(member, path));
      if (selective(path))
        digests.push_back(disclose(Json::array({name, std::move(hidden)})));
      else
        out[name] = std::move(hidden);
      path.pop_back();
    }
    if (digests.empty()) return out;
    for (size_t i = 0; i < frame_.decoys; ++i)
      digests.push_back(sd_digest(frame_.hash, base64url(crypto::random_bytes(32))));
    std::sort(digests.begin(), digests.end());  // the order of the claims is not told
    out["_sd"] = digests;
    return out;
  }

  Result<Json> hide_elements(const Json& value, ClaimPath& path) {
    Json out = Json::array();
    for (size_t i = 0; i < value.size(); ++i) {
      path.emplace_back(i);
      ASSIGN(Json hidden, hide(value[i], path));
      out.push_back(selective(path) ? Json{{"...", disclose(Json::array({std::move(hidden)}))}} : hidden);
      path.pop_back();
    }
    return out;
  }

  const Frame& frame_;
};

class Unfolding {
 public:
  explicit Unfolding(const SdJwt& sd_jwt) : sd_jwt_(sd_jwt) {}

  Result<Unfolded> run() {
    out_.disclosed.resize(sd_jwt_.disclosures.size());
    TRY(read_disclosures());
    out_.claims = sd_jwt_.jws.payload;
    out_.claims.erase("_sd_alg");
    ClaimPath path;
    TRY(put_back(out_.claims, path, SIZE_MAX));
    if (used_ != sd_jwt_.disclosures.size())
      return fail(Code::invalid_argument, "sd_jwt.unreferenced", "{} disclosures belong to nothing here",
                  sd_jwt_.disclosures.size() - used_);
    return std::move(out_);
  }

 private:
  struct Content {
    size_t index;
    Json parts;
  };

  Status read_disclosures() {
    for (size_t i = 0; i < sd_jwt_.disclosures.size(); ++i) {
      const std::string& encoded = sd_jwt_.disclosures[i];
      ASSIGN(const Bytes bytes, unbase64url(encoded));
      auto parts = parse_json(text(bytes), {.max_bytes = kMaxTokenBytes, .max_depth = kDepth});
      if (!parts || !parts->is_array() || parts->size() < 2 || parts->size() > 3 ||
          !(*parts)[0].is_string() || (parts->size() == 3 && !(*parts)[1].is_string()))
        return bad_disclosure("not [salt, name, value] nor [salt, value]");
      if (!contents_.emplace(sd_digest(sd_jwt_.hash(), encoded), Content{i, std::move(*parts)}).second)
        return fail(Code::invalid_argument, "sd_jwt.digest_twice", "a disclosure stands twice");
    }
    return {};
  }

  // The disclosure behind a digest; null when it was not disclosed.
  Result<Content*> reveal(const Json& digest, size_t parts) {
    if (!digest.is_string()) return bad_disclosure("a digest is text");
    const std::string& text = digest.get_ref<const std::string&>();
    if (!seen_.insert(text).second)
      return fail(Code::invalid_argument, "sd_jwt.digest_twice", "{}", text.substr(0, 64));
    auto at = contents_.find(text);
    if (at == contents_.end()) return static_cast<Content*>(nullptr);
    if (at->second.parts.size() != parts)
      return bad_disclosure(parts == 3 ? "of an element where a member belongs"
                                       : "of a member where an element belongs");
    ++used_;
    return &at->second;
  }

  Status note(const Content& content, const ClaimPath& path, size_t parent) {
    out_.disclosed[content.index] = {path, parent};
    return {};
  }

  Status put_back(Json& value, ClaimPath& path, size_t parent) {
    if (path.size() > size_t(kDepth)) return bad_disclosure("nested too deeply");
    if (value.is_object()) return put_back_members(value, path, parent);
    if (value.is_array()) return put_back_elements(value, path, parent);
    return {};
  }

  Status put_back_members(Json& value, ClaimPath& path, size_t parent) {
    Json digests = Json::array();
    if (auto at = value.find("_sd"); at != value.end()) {
      if (!at->is_array()) return bad_disclosure("_sd is a list");
      digests = std::move(*at);
      value.erase(at);
    }
    if (value.contains("...")) return bad_disclosure("a member named ...");
    for (auto& [name, member] : value.items()) {
      path.emplace_back(name);
      TRY(put_back(member, path, parent));
      path.pop_back();
    }
    for (const Json& digest : digests) {
      ASSIGN(Content * content, reveal(digest, 3));
      if (!content) continue;
      const std::string name = content->parts[1];
      if (is_reserved(name) || value.contains(name)) return bad_disclosure("its name is taken");
      path.emplace_back(name);
      TRY(note(*content, path, parent));
      Json shown = std::move(content->parts[2]);
      TRY(put_back(shown, path, content->index));
      value[name] = std::move(shown);
      path.pop_back();
    }
    return {};
  }

  Status put_back_elements(Json& value, ClaimPath& path, size_t parent) {
    Json out = Json::array();
    for (size_t place = 0; place < value.size(); ++place) {
      Json& element = value[place];
      size_t inside = parent;
      path.emplace_back(place);
      if (element.is_object() && element.size() == 1 && element.contains("...")) {
        ASSIGN(Content * content, reveal(element["..."], 2));
        if (content) {
          TRY(note(*content, path, parent));
          inside = content->index;
          element = std::move(content->parts[1]);
        } else {
          path.pop_back();
          continue;
        }
      }
      TRY(put_back(element, path, inside));
      out.push_back(std::move(element));
      path.pop_back();
    }
    value = std::move(out);
    return {};
  }

  const SdJwt& sd_jwt_;
  Unfolded out_;
  std::unordered_map<std::string, Content> contents_;
  std::set<std::string> seen_;
  size_t used_ = 0;
};

// Whether the claims hold something at the path.
bool holds(const Json& value, std::span<const Json> path) {
  if (path.empty()) return true;
  if (path[0].is_string()) {
    auto at = value.is_object() ? value.find(path[0].get_ref<const std::string&>()) : value.end();
    return value.is_object() && at != value.end() && holds(*at, path.subspan(1));
  }
  if (!value.is_array()) return false;
  if (path[0].is_number())
    return path[0].get<size_t>() < value.size() && holds(value[path[0].get<size_t>()], path.subspan(1));
  return std::any_of(value.begin(), value.end(),
                     [&](const Json& one) { return holds(one, path.subspan(1)); });
}

}  // namespace

Result<SdJwt> issue_sd_jwt(const Json& header, const Json& claims, const Frame& frame,
                           std::span<const Signer> signers) {
  Hiding hiding(frame);
  ClaimPath path;
  ASSIGN(Json payload, hiding.hide(claims, path));
  if (!hiding.disclosures.empty()) payload["_sd_alg"] = name(frame.hash);
  ASSIGN(const std::string token, sign(header, payload, signers));
  ASSIGN(auto out, SdJwt::parse(token.starts_with('{') ? token : token + "~"));
  out.disclosures = std::move(hiding.disclosures);
  return out;
}

Result<Unfolded> unfold(const SdJwt& sd_jwt) { return Unfolding(sd_jwt).run(); }

Result<SdJwt> select(const SdJwt& sd_jwt, std::span<const ClaimPath> claims) {
  ASSIGN(const auto all, unfold(sd_jwt));
  for (const ClaimPath& wanted : claims)
    if (!holds(all.claims, wanted))
      return fail(Code::not_found, "sd_jwt.no_claim", "{}", Json(wanted).dump().substr(0, 200));
  std::vector<bool> keep(sd_jwt.disclosures.size());
  for (size_t i = 0; i < keep.size(); ++i) {
    const ClaimPath& path = all.disclosed[i].path;
    if (std::none_of(claims.begin(), claims.end(), [&](const ClaimPath& wanted) {
          return begins(wanted, path) ||
                 (path.size() < wanted.size() &&
                  matches(ClaimPath(wanted.begin(), wanted.begin() + long(path.size())), path));
        }))
      continue;
    for (size_t at = i; at != SIZE_MAX && !keep[at]; at = all.disclosed[at].parent) keep[at] = true;
  }
  SdJwt out = sd_jwt;
  out.disclosures.clear();
  out.key_binding.clear();
  for (size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) out.disclosures.push_back(sd_jwt.disclosures[i]);
  return out;
}

}  // namespace chengxin::credential
