"""All faults by their names."""
import byzantine
import changes
import disks
import faults

KINDS = {**faults.KINDS, **disks.KINDS, **byzantine.KINDS, **changes.KINDS}
for _name, _kind in KINDS.items():
    _kind.name = _name
