#pragma once
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shim/plan.h"

// A model of what is durable below the root. Invariants:
// - the files on disk are always what the program sees; for everything not yet synced the model keeps how it
// was;
// - a page (4096 bytes) of a file is volatile from the first write to it until the file is synced; so are its
// size and
//   a truncation;
// - a name is volatile from its creation, change or removal until the folder that holds it (for a rename: the
//   destination) is synced; a file whose name was removed is kept in the graves until then;
// - cut() leaves on disk one of the states that the model allows, chosen with the plan's seed.
// Called with the shim's lock held; makes raw system calls only, so it is never intercepted itself.
namespace faults {

using Inode = std::pair<dev_t, ino_t>;

class Disk {
 public:
  explicit Disk(Plan& plan) : plan_(plan) {}

  // Data: call before the change is made to the descriptor's file.
  void before_write(int fd, uint64_t offset, uint64_t bytes);
  void before_resize(int fd, uint64_t bytes);
  void synced(int fd);  // a file, or a folder and with it the names in it
  void synced_everything();

  // Names: paths are absolute and canonical. Call after the change was made, except removing(), which takes
  // the file into the graves itself and so does the removal.
  void created(const std::string& path);
  void made_folder(const std::string& path);
  int remove_file(const std::string& path);    // 0 or -1 with errno
  int remove_folder(const std::string& path);  // likewise
  int rename(const std::string& from, const std::string& to);

  // Makes the disk look as after a power cut; returns a description.
  std::string cut();

 private:
  struct Page {
    std::string before;  // durable content, short at the durable end of the file
    uint64_t written_at = 0;
  };
  struct File {
    int fd =
        -1;  // our own; kept open, because closing any descriptor of a file drops the process's locks on it
    uint64_t number = 0, durable_size = 0;
    bool truncated = false;
    std::map<uint64_t, Page> pages;
  };
  enum class Change { created, made_folder, removed_file, removed_folder, renamed };
  struct NameChange {
    Change change;
    Inode folder;
    std::string path, from, grave;  // grave: of what was removed or replaced; empty when nothing was
  };

  File* track(int fd, struct stat& info);
  void keep_pages(File& file, uint64_t first, uint64_t last);
  void record(Change change, const std::string& path, std::string from, std::string grave);
  std::string bury(const std::string& path);
  void forget(const std::string& grave);
  void sync_file(File& file);
  void sync_folder(const Inode& folder);
  std::string cut_file(File& file);
  void drop_page(const File& file, uint64_t index, const Page& page, uint64_t from, uint64_t size);
  void undo(const NameChange& change);

  Plan& plan_;
  std::map<Inode, File> files_;  // all that were written to
  std::vector<NameChange> names_;
  uint64_t clock_ = 0, next_grave_ = 0, next_file_ = 0;
};

}  // namespace faults
