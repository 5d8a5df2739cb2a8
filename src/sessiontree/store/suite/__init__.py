"""What every store must do, as tests: a store is finished when it passes them.

A test module names how the store is opened, and takes up the tests:

    pytest.register_assert_rewrite("sessiontree.store.suite")
    from sessiontree.store.suite import *

    @pytest.fixture
    def opening(...) -> Opening: ...

`opening()` opens a store that is empty when a test begins; called again it opens the same one anew, as another process
would. It takes the catalogue to open it with. What only one kind of store can do wrong is tested beside its own code.
"""

from sessiontree.store.suite.adding import *  # noqa: F403
from sessiontree.store.suite.at_once import *  # noqa: F403
from sessiontree.store.suite.checks import *  # noqa: F403
from sessiontree.store.suite.finding import *  # noqa: F403
from sessiontree.store.suite.helpers import *  # noqa: F403
from sessiontree.store.suite.intakes import *  # noqa: F403
from sessiontree.store.suite.keys import *  # noqa: F403
from sessiontree.store.suite.lists import *  # noqa: F403
from sessiontree.store.suite.odd_values import *  # noqa: F403
from sessiontree.store.suite.removing import *  # noqa: F403
from sessiontree.store.suite.rereading import *  # noqa: F403
from sessiontree.store.suite.rules import *  # noqa: F403
from sessiontree.store.suite.session_changes import *  # noqa: F403
from sessiontree.store.suite.session_currencies import *  # noqa: F403
from sessiontree.store.suite.session_lists import *  # noqa: F403
from sessiontree.store.suite.sessions import *  # noqa: F403
from sessiontree.store.suite.spend import *  # noqa: F403
from sessiontree.store.suite.spend_quantity import *  # noqa: F403
from sessiontree.store.suite.surroundings import *  # noqa: F403
from sessiontree.store.suite.taking_back import *  # noqa: F403
from sessiontree.store.suite.together import *  # noqa: F403
from sessiontree.store.suite.undeclared import *  # noqa: F403
