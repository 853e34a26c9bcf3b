#include <set>

#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"

// The entry for applications: a client of /api/v1/gateway.
namespace chengxin::app {
namespace {

const std::string kBase = "/api/v1/gateway";

struct Options {
  std::string name, upstream, path, method = "GET", key, state, application, route, why;
  std::vector<std::string> applications, paths;
  fs::path token_file, root_file, body;
  bool writes = false, buffered = false, by_minute = false, behind = false;
  int64_t per_second = 50, burst = 100, most_waiting = 10'000, hours = 24;
};

std::string text_of(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? visible(json[name].get<std::string>()) : "";
}

Result<int> shown(const Context& context, const Result<Json>& answer,
                  const std::function<void(const Json&)>& lines) {
  if (!answer) return tl::unexpected(answer.error());
  print(context, *answer, [&] { lines(*answer); });
  return kDone;
}

Result<Json> json_of(Result<client::Response> response) {
  if (!response) return tl::unexpected(response.error());
  if (response->body.empty()) return Json{{"done", true}};
  return parse_json(response->body, {.max_bytes = 64 << 20, .max_depth = 64});
}

void print_route(const Json& route) {
  line("{:<20} {}  {}{}  {}/s  等待 waiting {}  其中搁置 of these parked {}", text_of(route, "name"),
       text_of(route, "upstream"), route.value("writes", false) ? "读写 read, write" : "只读 read",
       route.value("buffered", false) ? ",缓存 buffered" : "", route.value("per_second", int64_t(0)),
       route.value("waiting", int64_t(0)), route.value("parked", int64_t(0)));
  for (const char* list : {"applications", "paths"})
    for (const Json& each : route.at(list)) line("    {:<13} {}", list, visible(each.get<std::string>()));
}

void print_write(const Json& write) {
  line("{}  {:<8} {} {}  尝试 attempts {}", text_of(write, "ticket"), text_of(write, "state"),
       text_of(write, "method"), text_of(write, "path"), write.value("attempts", int64_t(0)));
  if (write.contains("error"))
    line("    {} {}", text_of(write["error"], "reason"), text_of(write["error"], "detail"));
}

Result<int> put(const Context& context, const Options& options) {
  Json body = {{"upstream", options.upstream}, {"applications", options.applications},
               {"paths", options.paths},       {"writes", options.writes},
               {"buffered", options.buffered}, {"per_second", options.per_second},
               {"burst", options.burst},       {"most_waiting", options.most_waiting}};
  if (!options.token_file.empty()) {
    ASSIGN(const Bytes token, read_file(options.token_file, 4096));
    body["token"] = to_string(token).substr(0, text(token).find_first_of("\r\n"));
  }
  if (!options.root_file.empty()) {
    ASSIGN(const Bytes root, read_file(options.root_file, 256 << 10));
    body["root_pem"] = to_string(root);
  }
  ASSIGN(auto platform, context.connect());
  return shown(context,
               json_of(platform.send("PUT", kBase + "/routes/" + percent_encode(options.name),
                                     view(body.dump()), "application/json")),
               print_route);
}

Result<int> list(const Context& context, const Options&) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(kBase + "/routes"), [](const Json& answer) {
    for (const Json& route : answer.at("items")) print_route(route);
    if (answer.at("items").empty()) line("没有路由 no routes");
  });
}

Result<int> remove(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, json_of(platform.send("DELETE", kBase + "/routes/" + percent_encode(options.name))),
               [](const Json&) { line("已删除 removed"); });
}

Result<int> writes(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  const std::string query = options.state.empty() ? "" : "?state=" + percent_encode(options.state);
  return shown(context, platform.get(kBase + "/routes/" + percent_encode(options.name) + "/writes" + query),
               [](const Json& answer) {
                 for (const Json& write : answer.at("items")) print_write(write);
                 if (answer.at("items").empty()) line("没有 none");
               });
}

void print_parked(const Json& write) {
  print_write(write);
  const auto time = [&](const char* name) {
    return write.contains(name) ? format_time(write[name].get<int64_t>()) : "-";
  };
  line("    {}  {}  其应用等待 its application waits with {}", text_of(write, "route"),
       text_of(write, "application"), write.value("waiting", int64_t(0)));
  line("    接受 accepted {}  首次 first {}  末次 last {}", time("accepted_ms"), time("first_ms"),
       time("last_ms"));
}

// The oldest of them.
Result<Json> parked_page(client::Client& platform, const Options& options) {
  std::string query = "?limit=500";
  if (!options.route.empty()) query += "&route=" + percent_encode(options.route);
  if (!options.application.empty()) query += "&application=" + percent_encode(options.application);
  return platform.get(kBase + "/parked" + query);
}

Result<int> parked(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, parked_page(platform, options), [](const Json& answer) {
    const Json& items = answer.at("items");
    for (const Json& write : items) print_parked(write);
    if (items.empty()) line("没有 none");
    if (const auto total = answer.value("total", int64_t(0)); total > int64_t(items.size()))
      line("共 {} 条,以上为最早的 {} 条 {} in all, these are the oldest {}", total, items.size(), total,
           items.size());
  });
}

Result<client::Response> about_parked(client::Client& platform, const Options& options, const char* verb,
                                      Json body) {
  body["why"] = options.why;
  return platform.send("POST", kBase + "/parked/" + percent_encode(options.name) + verb, view(body.dump()),
                       "application/json");
}

// All that are parked of a route, of an application: each once, though it may be parked again meanwhile.
Result<int> retry_all(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  std::set<std::string> tickets;
  int64_t retried = 0;
  for (bool more = true; more;) {
    ASSIGN(const Json page, parked_page(platform, options));
    more = false;
    for (const Json& write : page.at("items")) {
      Options one = options;
      one.name = write.at("ticket");
      if (!tickets.insert(one.name).second) continue;
      const auto done = about_parked(platform, one, "/retry", Json::object());
      const bool decided = !done && done.error().reason == "gateway.not_parked";  // by somebody else
      if (!done && !decided) return tl::unexpected(done.error());
      retried += !decided;
      more = true;
    }
  }
  print(context, {{"retried", retried}}, [&] { line("已重试 retried {}", retried); });
  return kDone;
}

Result<int> retry(const Context& context, const Options& options) {
  const bool many = !options.route.empty() || !options.application.empty();
  if (many != options.name.empty())
    return fail(Code::invalid_argument, "cli.usage", "a ticket, or --route, --application or both");
  if (many) return retry_all(context, options);
  ASSIGN(auto platform, context.connect());
  return shown(context, json_of(about_parked(platform, options, "/retry", Json::object())), print_write);
}

Result<int> discard(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(
      context, json_of(about_parked(platform, options, "/discard", {{"behind", options.behind}})),
      [](const Json& answer) { line("已放弃 discarded {}", answer.value("discarded", int64_t(0))); });
}

Result<int> ticket(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(kBase + "/tickets/" + percent_encode(options.name)), print_write);
}

Result<int> traffic(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  std::string query = fmt::format("?limit=500&by_minute={}&from_ms={}", options.by_minute,
                                  now_ms() - options.hours * 3600'000);
  if (!options.application.empty()) query += "&application=" + percent_encode(options.application);
  return shown(context, platform.get(kBase + "/traffic" + query), [](const Json& answer) {
    line("{:<34} {:<16} {:>9} {:>8} {:>7} {:>11} {:>11}", "应用 application", "路由 route", "请求", "拒绝",
         "失败", "入 bytes", "出 bytes");
    for (const Json& row : answer.at("items"))
      line("{:<34} {:<16} {:>9} {:>8} {:>7} {:>11} {:>11}  {}", text_of(row, "application"),
           text_of(row, "route"), row.at("requests").get<int64_t>(), row.at("refused").get<int64_t>(),
           row.at("failed").get<int64_t>(), row.at("bytes_in").get<int64_t>(),
           row.at("bytes_out").get<int64_t>(),
           row.contains("minute_ms") ? format_time(row["minute_ms"].get<int64_t>()) : "");
  });
}

// What an application does, for trying a route.
Result<int> send(const Context& context, const Options& options) {
  Bytes body;
  if (!options.body.empty()) {
    ASSIGN(body, read_file(options.body, 8 << 20));
  }
  std::map<std::string, std::string> headers;
  if (!options.key.empty()) headers["Idempotency-Key"] = options.key;
  const bool has_body = options.method == "POST" || options.method == "PUT";
  ASSIGN(auto platform, context.connect());
  return shown(context,
               json_of(platform.send(options.method, kBase + "/to/" + options.name + options.path, body,
                                     has_body ? "application/json" : "", headers)),
               [](const Json& answer) { line("{}", visible(answer.dump(2))); });
}

}  // namespace

void add_gateway(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("gateway", "应用入口 · the entry for applications");
  noun->require_subcommand(1);
  auto o = std::make_shared<Options>();
  auto add = [&, noun](const char* name, const char* help,
                       Result<int> (*work)(const Context&, const Options&)) {
    auto* verb = noun->add_subcommand(name, help);
    verb->callback([=, &context] { run(context, [&] { return work(context, *o); }); });
    return verb;
  };
  auto* verb = add("route", "新建或替换路由 · make or replace a route", put);
  verb->add_option("name", o->name, "路由名 · name")->required();
  verb->add_option("--upstream", o->upstream, "后端地址 https://、tlcp://、本机 http:// · what stands behind")
      ->required();
  verb->add_option("--application", o->applications,
                   "应用的令牌标识,* 为全部 · id of a credential, * for all")
      ->required();
  verb->add_option("--path", o->paths, "允许的路径开头 · what a path must begin with")->required();
  verb->add_option("--token-file", o->token_file, "后端凭据文件 · file of the credential there");
  verb->add_option("--root", o->root_file, "后端根证书 · root certificate of what stands behind");
  verb->add_flag("--writes", o->writes, "允许写入 · writes too");
  verb->add_flag("--buffered", o->buffered, "后端慢时缓存写入 · keep writes while it is slow");
  verb->add_option("--per-second", o->per_second, "每应用每秒次数 · requests a second of each application");
  verb->add_option("--burst", o->burst, "突发次数 · at once");
  verb->add_option("--most-waiting", o->most_waiting, "最多缓存的写入 · most writes that wait");
  add("list", "列出路由 · routes", list);
  add("remove", "删除路由 · remove a route", remove)
      ->add_option("name", o->name, "路由名 · name")
      ->required();
  verb = add("writes", "路由缓存的写入 · writes that a route keeps", writes);
  verb->add_option("name", o->name, "路由名 · name")->required();
  verb->add_option("--state", o->state, "waiting | done | refused | parked | discarded");
  verb = add("parked", "无法送达而搁置的写入 · writes that could not be delivered", parked);
  verb->add_option("--route", o->route, "路由名 · name of a route");
  verb->add_option("--application", o->application, "应用 · application");
  verb = add("retry", "重试搁置的写入 · have a parked write tried again", retry);
  verb->add_option("ticket", o->name, "凭票 · ticket");
  verb->add_option("--route", o->route, "不给凭票:该路由搁置的全部 · without a ticket: all of this route");
  verb->add_option("--application", o->application,
                   "不给凭票:该应用搁置的全部 · without a ticket: all of this application");
  verb->add_option("--why", o->why, "理由,记入审计日志 · the reason, for the audit log")->required();
  verb = add("discard", "放弃搁置的写入 · discard a parked write", discard);
  verb->add_option("ticket", o->name, "凭票 · ticket")->required();
  verb->add_option("--why", o->why, "理由,记入审计日志 · the reason, for the audit log")->required();
  verb->add_flag("--behind", o->behind,
                 "连同该应用在同一路由上排在其后的写入 · and what its application has waiting behind it");
  add("ticket", "凭票查询 · how a write went", ticket)
      ->add_option("ticket", o->name, "凭票 · ticket")
      ->required();
  verb = add("traffic", "各应用流量 · traffic of each application", traffic);
  verb->add_option("--application", o->application, "应用 · application");
  verb->add_option("--hours", o->hours, "最近几小时 · of the last hours");
  verb->add_flag("--by-minute", o->by_minute, "逐分钟 · a row for each minute");
  verb = add("send", "以应用身份试发 · send as an application does", send);
  verb->add_option("name", o->name, "路由名 · name")->required();
  verb->add_option("path", o->path, "路径 · path")->required();
  verb->add_option("--method", o->method, "GET | POST | PUT | DELETE");
  verb->add_option("--body", o->body, "请求体文件 · file of the body");
  verb->add_option("--key", o->key, "幂等键 · Idempotency-Key");
}

}  // namespace chengxin::app
